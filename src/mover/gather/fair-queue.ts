// Chooses which parcel goes next: fair between shards, between the sources of a shard, and in order per source. Pure.
//
// Start-time fair queueing: a parcel begins, in bytes served, where the last one of its source ended or where service has
// come to, whichever is later; the earliest begins first, of equals the smallest. So a quiet source saves up no claim, and
// its next parcel goes ahead of any backlog. A source of a shard with n waiting ones counts n-fold.

export interface Waiting {
  readonly source: { readonly shard: string };
  readonly bytes: number;
  readonly rows: number;
}

export interface TakeOptions<T> {
  /** The first one goes whatever its size. */
  readonly maxBytes: number;
  /** The same for events; default: any number. */
  readonly maxRows?: number;
  readonly mayGo: (one: T) => boolean;
  /** Whether one may go with the first of those taken; default: all may. */
  readonly goesWith?: (first: T, one: T) => boolean;
}

interface Flow<T> {
  readonly shard: string;
  readonly items: T[];
  /** Where its first one begins; where its last one ended while none waits. */
  start: number;
  /** Which of the flows began to wait first. */
  order: number;
}

export class FairQueue<T extends Waiting> {
  readonly #flows = new Map<T['source'], Flow<T>>();
  /** How many sources of each shard wait. */
  readonly #active = new Map<string, number>();
  #served = 0;
  #size = 0;
  #order = 0;

  get size(): number {
    return this.#size;
  }

  add(one: T): void {
    this.#waitingOf(one.source).items.push(one);
    this.#size += 1;
  }

  /** Parcels that were taken and not used, all of one source, go back ahead of those that wait. */
  putBack(ones: readonly T[]): void {
    const [first] = ones;
    if (first === undefined) return;
    this.#waitingOf(first.source).items.unshift(...ones);
    this.#size += ones.length;
  }

  /** Takes those that may go now, the earliest first; empty where none may. */
  take({ maxBytes, maxRows = Number.POSITIVE_INFINITY, mayGo, goesWith = () => true }: TakeOptions<T>): T[] {
    const flows = [...this.#flows.values()].filter(({ items }) => items.length > 0).sort(byTurn);
    const taken: T[] = [];
    let bytes = 0;
    let rows = 0;
    while (flows.length > 0) {
      const flow = flows.shift() as Flow<T>;
      const one = flow.items[0] as T;
      const [first] = taken;
      if (!mayGo(one) || (first !== undefined && !goesWith(first, one))) continue;
      if (first !== undefined && (bytes + one.bytes > maxBytes || rows + one.rows > maxRows)) break;
      bytes += one.bytes;
      rows += one.rows;
      taken.push(one);
      this.#serve(flow, one);
      if (flow.items.length > 0) insert(flows, flow);
    }
    this.#forget();
    return taken;
  }

  /** Removes all that match, in the order of each source. */
  remove(isOut: (one: T) => boolean): T[] {
    const out: T[] = [];
    for (const flow of this.#flows.values()) {
      const kept = flow.items.filter((one) => !isOut(one));
      if (kept.length === flow.items.length) continue;
      out.push(...flow.items.filter(isOut));
      flow.items.splice(0, flow.items.length, ...kept);
      if (kept.length === 0) this.#count(flow.shard, -1);
    }
    this.#size -= out.length;
    this.#forget();
    return out;
  }

  *[Symbol.iterator](): Generator<T> {
    for (const { items } of this.#flows.values()) yield* items;
  }

  #waitingOf(source: T['source']): Flow<T> {
    const flow = this.#flows.get(source) ?? { shard: source.shard, items: [], start: 0, order: 0 };
    this.#flows.set(source, flow);
    if (flow.items.length === 0) {
      flow.start = Math.max(flow.start, this.#served);
      flow.order = this.#order++;
      this.#count(flow.shard, 1);
    }
    return flow;
  }

  #serve(flow: Flow<T>, one: T): void {
    this.#served = Math.max(this.#served, flow.start);
    flow.start += (one.bytes + 1) * (this.#active.get(flow.shard) ?? 1);
    flow.items.shift();
    this.#size -= 1;
    if (flow.items.length === 0) this.#count(flow.shard, -1);
  }

  #count(shard: string, change: number): void {
    const count = (this.#active.get(shard) ?? 0) + change;
    if (count === 0) this.#active.delete(shard);
    else this.#active.set(shard, count);
  }

  /** Forgets sources that owe nothing: they count like new ones. */
  #forget(): void {
    for (const [source, flow] of this.#flows) {
      if (flow.items.length === 0 && flow.start <= this.#served) this.#flows.delete(source);
    }
  }
}

function byTurn<T extends Waiting>(a: Flow<T>, b: Flow<T>): number {
  return a.start - b.start || (a.items[0] as T).bytes - (b.items[0] as T).bytes || a.order - b.order;
}

function insert<T extends Waiting>(flows: Flow<T>[], flow: Flow<T>): void {
  const at = flows.findIndex((other) => byTurn(flow, other) < 0);
  flows.splice(at === -1 ? flows.length : at, 0, flow);
}
