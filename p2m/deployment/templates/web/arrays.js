// arrays.json and arrays.bin: what numpy's .npz files held, each array as a typed array with its shape.
const TYPES = { float32: Float32Array, float64: Float64Array, int8: Int8Array };

export async function openArrays(folder, read) {
  const [told, bytes] = await Promise.all([
    read(folder, "arrays.json").then((found) => found.json()),
    read(folder, "arrays.bin").then((found) => found.arrayBuffer()),
  ]);
  const found = {};
  for (const { file, name, type, shape, offset } of told) {
    const length = shape.reduce((product, each) => product * each, 1);
    (found[file] ??= {})[name] = { shape, values: new TYPES[type](bytes, offset, length) };
  }
  return found;
}
