// Where a central event came from: the text `shard:queue:id` in its column, and what stands in when there is none.
import type { Origin } from './contract.ts';

/** In the place of a shard's name, for an event that no mover brought. */
const HERE = '@central';

class OriginText implements Origin {
  readonly shard: string;
  readonly queue: string;
  readonly id: number;

  constructor(shard: string, queue: string, id: number) {
    this.shard = shard;
    this.queue = queue;
    this.id = id;
  }

  toString(): string {
    return `${this.shard}:${this.queue}:${this.id}`;
  }

  toJSON(): string {
    return this.toString();
  }
}

/** @returns undefined for a text that is no origin. A queue's name may hold colons, a shard's may not. */
export function parseOrigin(text: string | null): Origin | undefined {
  if (text === null) return undefined;
  const first = text.indexOf(':');
  const last = text.lastIndexOf(':');
  if (first < 1 || last - first < 2) return undefined;
  const digits = text.slice(last + 1);
  const id = Number(digits);
  if (!/^\d+$/.test(digits) || !Number.isSafeInteger(id)) return undefined;
  return new OriginText(text.slice(0, first), text.slice(first + 1, last), id);
}

/** The origin of an event that has none: its place on central, which is as unique. */
export function originHere(centralQueue: string, id: number): Origin {
  return new OriginText(HERE, centralQueue, id);
}
