// Linear models over words, over embeddings, or over both.
const BLANK = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/u; // what Python splits at
const WORD = /[\p{L}\p{N}_]+|[^\p{L}\p{N}_\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/gu;

const casefold = (text, folds) => Array.from(text, (sign) => folds[sign] ?? sign).join("");

function wordsOf(text, folds) {
  const found = casefold(text, folds).match(WORD) ?? [];
  return found.concat(found.slice(1).map((second, place) => `${found[place]} ${second}`));
}

function piecesOf(text, folds) {
  const found = [];
  for (const word of casefold(text, folds).split(BLANK)) {
    if (!word) continue;
    const edged = Array.from(` ${word} `);
    for (const size of [2, 3, 4, 5])
      for (let at = 0; at + size <= edged.length; at++) found.push(edged.slice(at, at + size).join(""));
  }
  return found;
}

const TERMS = { words: wordsOf, pieces: piecesOf };

// How two texts differ and agree, by their embeddings.
export function compared(first, second) {
  const product = Array.from(first, (value, at) => value * second[at]);
  const distance = Array.from(first, (value, at) => Math.abs(value - second[at]));
  const cosine = product.reduce((sum, value) => sum + value, 0);
  return Float32Array.from([...distance.map((value) => value / 2), ...product.map((value) => value / 2), 2 * cosine]);
}

export class LinearHead {
  static async open(folder, settings, arrays, read) {
    const head = new LinearHead();
    head.arrays = arrays;
    head.blocks = [];
    if (arrays.sparse) {
      const [terms, folds] = await Promise.all(
        ["terms.json", "folds.json"].map((name) => read(folder, name).then((found) => found.json())),
      );
      let count = 0;
      for (const [name, found] of Object.entries(terms)) {
        head.blocks.push([TERMS[name], new Map(found.map((term, place) => [term, count + place]))]);
        count += found.length;
      }
      head.folds = folds;
    }
    return head;
  }

  // (columns,)
  logits(text, embeddings) {
    const { bias, dense, sparse, scale, idf } = this.arrays;
    const found = Float64Array.from(bias.values);
    const width = found.length;
    if (dense)
      for (let row = 0; row < embeddings.length; row++)
        for (let column = 0; column < width; column++)
          found[column] += embeddings[row] * dense.values[row * width + column];
    if (!sparse) return found;
    const sums = new Float64Array(width);
    for (const [termsOf, places] of this.blocks) {
      const counts = new Map();
      for (const term of termsOf(text, this.folds)) {
        const place = places.get(term);
        if (place !== undefined) counts.set(place, (counts.get(place) ?? 0) + 1);
      }
      const weights = [...counts].sort(([a], [b]) => a - b).map(([place, n]) => [place, (1 + Math.log(n)) * idf.values[place]]);
      const length = Math.max(1e-12, Math.sqrt(weights.reduce((sum, [, weight]) => sum + weight * weight, 0)));
      for (const [place, weight] of weights)
        for (let column = 0; column < width; column++)
          sums[column] += (weight / length) * sparse.values[place * width + column];
    }
    for (let column = 0; column < width; column++) found[column] += sums[column] * scale.values[column];
    return found;
  }
}
