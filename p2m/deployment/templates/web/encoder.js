// A tokenizer and a graph: texts to ids as `tokenizers` cuts them, ids to what the graph gives.
import * as ort from "./vendor/ort.wasm.min.mjs";
import { Tokenizer } from "./vendor/tokenizers.min.mjs";
import { joined } from "./rows.js";

ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = new URL("./vendor/", import.meta.url).href;

export class Encoder {
  static async open(folder, settings, read) {
    const [tokenizer, graph] = await Promise.all([
      read(folder, "tokenizer.json").then((found) => found.json()),
      read(folder, "model.onnx").then((found) => found.arrayBuffer()),
    ]);
    const encoder = new Encoder();
    encoder.settings = settings;
    encoder.tokenizer = new Tokenizer({ ...tokenizer, truncation: null, padding: null }, {});
    encoder.session = await ort.InferenceSession.create(graph, {
      executionProviders: ["wasm"], graphOptimizationLevel: "all", logSeverityLevel: 3,
    });
    encoder.frame = frame(encoder);
    return encoder;
  }

  plain(text) {
    return this.tokenizer.encode(text, { add_special_tokens: false }).ids;
  }

  // Two fields make a pair, more are joined; what is too long is cut, the longer of a pair first.
  row(row) {
    const { fields, max_length: longest } = this.settings;
    return fields.length === 2
      ? this.pair(...cutPair(this.plain(row[fields[0]]), this.plain(row[fields[1]]), longest - this.frame.pair.length))
      : this.text(joined(row, fields));
  }

  text(text) {
    return this.single(this.plain(text).slice(0, this.settings.max_length - this.frame.single.length));
  }

  single(ids) {
    const { before, after } = this.frame.single;
    return { ids: [...before, ...ids, ...after], types: new Array(before.length + ids.length + after.length).fill(0), starts: [before.length] };
  }

  pair(first, second) {
    const { before, between, after, type } = this.frame.pair;
    const head = [...before, ...first, ...between], tail = [...second, ...after];
    return { ids: [...head, ...tail], types: [...head.map(() => 0), ...tail.map(() => type)], starts: [before.length, head.length] };
  }

  // Each output of the graph for one row, as a flat array.
  async run({ ids, types }) {
    const whole = { input_ids: ids, attention_mask: ids.map(() => 1), token_type_ids: types };
    const feed = {};
    for (const name of this.session.inputNames)
      feed[name] = new ort.Tensor("int64", BigInt64Array.from(whole[name], BigInt), [1, ids.length]);
    const outputs = await this.session.run(feed);
    return Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, tensor.data]));
  }
}

// What a tokenizer puts before, between and after texts, seen in how it encodes two that are known.
function frame(encoder) {
  const [first, second] = ["a b", "c"].map((text) => encoder.plain(text));
  const one = encoder.tokenizer.encode("a b").ids;
  const start = find(one, first, 0);
  const single = { before: one.slice(0, start), after: one.slice(start + first.length) };
  single.length = single.before.length + single.after.length;
  const two = encoder.tokenizer.encode("a b", { text_pair: "c", return_token_type_ids: true });
  const at = find(two.ids, first, 0), then = find(two.ids, second, at + first.length);
  const pair = {
    before: two.ids.slice(0, at), between: two.ids.slice(at + first.length, then),
    after: two.ids.slice(then + second.length), type: two.token_type_ids[then],
  };
  pair.length = pair.before.length + pair.between.length + pair.after.length;
  return { single, pair };
}

function find(ids, wanted, from) {
  for (let at = from; at + wanted.length <= ids.length; at++)
    if (wanted.every((id, place) => ids[at + place] === id)) return at;
  throw new Error("the tokenizer changes what it encodes when it adds its marks");
}

// As `longest_first` of the tokenizers library cuts a pair.
function cutPair(first, second, longest) {
  if (first.length + second.length <= longest) return [first, second];
  const swapped = first.length > second.length;
  let [short, long] = swapped ? [second.length, first.length] : [first.length, second.length];
  long = short > longest ? short : Math.max(short, longest - short);
  if (short + long > longest) {
    short = Math.floor(longest / 2);
    long = short + (longest % 2);
  }
  const [one, two] = swapped ? [long, short] : [short, long];
  return [first.slice(0, one), second.slice(0, two)];
}
