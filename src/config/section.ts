// A map of the file with known keys: reads them, and reports missing, unknown and repeated ones.
import { isScalar, type Node, type Pair } from 'yaml';
import { nearest } from './nearest.ts';
import type { Value } from './value.ts';

export class Section {
  readonly #owner: Value;
  readonly #values = new Map<string, Value>();

  /** @param keys those that are known; undefined: any. Unknown and repeated ones are reported here. */
  constructor(owner: Value, items: readonly Pair[], keys: readonly string[] | undefined) {
    this.#owner = owner;
    for (const { key: keyNode, value } of items) {
      const node = keyNode as Node | null;
      const at = node?.range?.[0] ?? owner.offset;
      const key = keyOf(node);
      const child = owner.child(key ?? '?', value as Node | null, at);
      const point = (sentence: string) => owner.source.report.problem(at, sentence);
      const first = key === undefined ? undefined : this.#values.get(key);
      if (key === undefined) point(`A key ${inside(owner)} is not a plain word.`);
      else if (keys !== undefined && !keys.includes(key)) point(unknown(key, keys, owner));
      else if (first !== undefined) {
        point(`\`${key}\` stands ${inside(owner)} twice, first in line ${first.line}: keep one.`);
      } else this.#values.set(key, child);
    }
  }

  /** The value, or undefined where the key is not there. */
  get(key: string): Value | undefined {
    return this.#values.get(key);
  }

  /** The value; a missing key is a mistake of the map. */
  require(key: string, wanted: string): Value | undefined {
    return (
      this.#values.get(key) ??
      this.#owner.problem(`\`${key}\` is missing ${inside(this.#owner)}: add ${wanted}.`)
    );
  }

  entries(): [string, Value][] {
    return [...this.#values];
  }
}

const inside = (owner: Value): string => (owner.name.startsWith('`') ? `in ${owner.name}` : 'in the file');

function keyOf(node: Node | null): string | undefined {
  if (!isScalar(node)) return undefined;
  const text = typeof node.value === 'string' ? node.value : (node.source ?? '');
  return text === '' ? undefined : text;
}

function unknown(key: string, keys: readonly string[], owner: Value): string {
  const meant = nearest(key, keys);
  const help =
    meant === undefined ? `the keys there are ${[...keys].sort().join(', ')}.` : `did you mean \`${meant}\`?`;
  return `Unknown key \`${key.slice(0, 60)}\` ${inside(owner)}: ${help}`;
}
