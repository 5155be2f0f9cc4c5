// Linear models over words, numbers and choices, over embeddings, or over all of them.
import { NUMBER, numberOf } from "./rows.js";

const BLANK = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/u; // what Python splits at
// A sign of a script without blanks is a word.
const WORD = /[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u{20000}-\u{3ffff}]|(?:(?![\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u{20000}-\u{3ffff}])[\p{L}\p{N}_])+|[^\p{L}\p{N}_\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/gu;

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

// How much of the way from low to high a number has come.
const passed = (number, low, high) => Math.min(1, Math.max(0, (number - low) / (high - low)));

// Numbers and choices of a row, of measures that take places from `first` on: pairs of place and value.
class Measures {
  constructor(measures, first) {
    this.fields = new Map();
    this.products = [];
    measures.forEach(([name, ...what], place) => {
      if (what.length === 5) return this.products.push([first + place, [name, ...what.slice(0, 2)], what.slice(2)]);
      if (!this.fields.has(name)) this.fields.set(name, []);
      this.fields.get(name).push([first + place, ...what]);
    });
  }

  of(row) {
    const found = [];
    for (const [name, measures] of this.fields) {
      const text = row[name].trim();
      const number = NUMBER.test(text) ? numberOf(text) : null;
      const stretches = measures.filter((each) => each.length === 3).length;
      const share = 1 / Math.sqrt(this.fields.size);
      for (const [place, low, high, whole] of measures) {
        if (high === undefined && low === text) found.push([place, share]);
        if (high !== undefined && number !== null)
          found.push([place, (whole ? share : share / Math.sqrt(stretches)) * passed(number, low, high)]);
      }
    }
    for (const [place, ...pair] of this.products)
      if (pair.every(([name]) => NUMBER.test(row[name].trim()))) {
        const [one, other] = pair.map(([name, low, high]) => passed(numberOf(row[name].trim()), low, high));
        found.push([place, (one * other) / Math.sqrt(this.products.length)]);
      }
    return found;
  }
}

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
        if (name === "measures") head.measures = new Measures(found, count);
        else head.blocks.push([TERMS[name], new Map(found.map((term, place) => [term, count + place]))]);
        count += found.length;
      }
      head.folds = folds;
    }
    return head;
  }

  // (columns,); `row` has the numbers and choices
  logits(text, embeddings, row) {
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
    for (const [place, value] of this.measures?.of(row) ?? [])
      for (let column = 0; column < width; column++)
        sums[column] += value * idf.values[place] * sparse.values[place * width + column];
    for (let column = 0; column < width; column++) found[column] += sums[column] * scale.values[column];
    return found;
  }
}
