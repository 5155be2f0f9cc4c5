// Spans: a passage in overlapping windows, and the best span of whole words, for tokenizers of BERT's kind.
import { logSum } from "./answers.js";
import { joined } from "./rows.js";

const BLANK = /[\p{Z}\t\n\r]/u, DROPPED = /[\p{Cc}\p{Cf}\p{Co}\p{Cn}\ufffd]/u;
const MARK = /[\p{P}!-\/:-@\[-`{-~]/u;
const HAN = [[0x4e00, 0x9fff], [0x3400, 0x4dbf], [0x20000, 0x2a6df], [0x2a700, 0x2b73f], [0x2b740, 0x2b81f], [0x2b920, 0x2ceaf], [0xf900, 0xfaff], [0x2f800, 0x2fa1f]];
const isHan = (sign) => HAN.some(([low, high]) => sign.codePointAt(0) >= low && sign.codePointAt(0) <= high);

// Words as a tokenizer of BERT's kind parts them: [first sign, sign after the last] of each.
function words(signs, accentsGo) {
  const found = [];
  let open = null;
  signs.forEach((sign, at) => {
    const blank = BLANK.test(sign);
    if (!blank && (DROPPED.test(sign) || (accentsGo && !sign.normalize("NFD").replace(/\p{Mn}/gu, "")))) return;
    if (blank || isHan(sign) || MARK.test(sign)) {
      open = null;
      if (!blank) found.push([at, at + 1]);
    } else if (open) open[1] = at + 1;
    else found.push((open = [at, at + 1]));
  });
  return found;
}

export class SpanModel {
  constructor(settings, encoder) {
    Object.assign(this, { settings, encoder });
    this.asking = settings.fields.filter((name) => name !== settings.context);
  }

  async answer(row) {
    const signs = Array.from(row[this.settings.context]);
    const parts = [];
    for (const window of this.windows(row, signs)) {
      const found = await this.encoder.run(window);
      parts.push({ ...window, first: found.start_logits, last: found.end_logits });
    }
    const { text, score, margin } = this.best(signs, parts);
    const { none, threshold } = this.settings;
    if (none === null) return { output: text, score };
    const chance = 1 / (1 + Math.exp(Math.min(700, -margin)));
    return margin > threshold ? { output: text, score: score * chance } : { output: none, score: 1 - chance };
  }

  windows(row, signs) {
    const { encoder, settings } = this, longest = settings.max_length;
    const tokens = this.tokens(row[settings.context], signs);
    const question = this.asking.length ? encoder.plain(joined(row, this.asking)).slice(0, Math.floor(longest / 2) - 4) : null;
    const room = question ? longest - encoder.frame.pair.length - question.length : longest - encoder.frame.single.length;
    const step = room - Math.min(settings.stride, Math.floor(longest / 4));
    const found = [];
    for (let at = 0; ; at += step) {
      const part = tokens.slice(at, at + room), ids = part.map((token) => token.id);
      const window = question ? encoder.pair(question, ids) : encoder.single(ids);
      found.push({ ...window, tokens: part, from: window.starts.at(-1) });
      if (at + room >= tokens.length) return found;
    }
  }

  // Each token of the passage: its id, and where it begins or ends a word.
  tokens(passage, signs) {
    const found = [];
    for (const [start, end] of words(signs, this.settings.page.accents_go)) {
      const ids = this.encoder.plain(signs.slice(start, end).join(""));
      ids.forEach((id, place) => found.push({
        id, opens: place === 0 ? start : -1, closes: place === ids.length - 1 ? end : -1,
      }));
    }
    const whole = this.encoder.plain(passage);
    if (whole.length !== found.length || whole.some((id, place) => id !== found[place].id))
      throw new Error("the passage holds signs whose place this page cannot tell; ask predict.py");
    return found;
  }

  best(signs, parts) {
    let best = -Infinity, text = "", nothing = Infinity;
    const firsts = [], lasts = [];
    for (const { tokens, from, first, last } of parts) {
      nothing = Math.min(nothing, first[0] + last[0]);
      if (!tokens.some((token) => token.opens >= 0) || !tokens.some((token) => token.closes >= 0)) continue;
      tokens.forEach((token, open) => {
        if (token.closes >= 0) lasts.push(last[from + open]);
        if (token.opens < 0) return;
        firsts.push(first[from + open]);
        const end = Math.min(tokens.length, open + this.settings.max_answer);
        for (let close = open; close < end; close++) {
          const sum = first[from + open] + last[from + close];
          if (tokens[close].closes < 0 || sum <= best) continue;
          best = sum;
          text = signs.slice(token.opens, tokens[close].closes).join("");
        }
      });
    }
    if (best === -Infinity) return { text: "", score: 0, margin: -Infinity };
    return { text: text.trim(), score: Math.min(1, Math.exp(best - logSum(firsts) - logSum(lasts))), margin: best - nothing };
  }
}
