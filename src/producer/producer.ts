// Events sent in the caller's own transaction on a shard. No driver is loaded by this.
import type { EventTexts, InsertCall } from '../queue/insert.ts';
import { insertEach, insertInBulk, insertOne, namesOfQueues } from '../queue/insert.ts';
import { noSuchQueue } from '../queue/no-such-queue.ts';
import type { PgqSchema } from '../queue/provider.ts';
import { callsBy } from './calls.ts';
import type {
  CallingProducer,
  CallsOption,
  ProducedEvent,
  Producer,
  ProducerOptions,
  SpoolingProducer,
  SpoolOption,
} from './contract.ts';
import { type EventRules, queueNamed, rulesOf, textsOf } from './event.ts';
import { explained, mistakeInEvent } from './mistakes.ts';
import { spoolInto } from './spool.ts';
import { type CallersTransaction, type ProducedRow, transactionOf } from './transaction.ts';

/**
 * `createProducer<{ orders: Order; emails: Email }>()`: without connections of its own, one for all shards of a process.
 * @throws TributaryError where the options contradict themselves.
 */
export function createProducer<Queues extends object = Record<string, unknown>>(
  options: ProducerOptions & { readonly spool: SpoolOption; readonly calls: CallsOption },
): SpoolingProducer<Queues> & CallingProducer<Queues>;
export function createProducer<Queues extends object = Record<string, unknown>>(
  options: ProducerOptions & { readonly spool: SpoolOption },
): SpoolingProducer<Queues>;
export function createProducer<Queues extends object = Record<string, unknown>>(
  options: ProducerOptions & { readonly calls: CallsOption },
): CallingProducer<Queues>;
export function createProducer<Queues extends object = Record<string, unknown>>(
  options?: ProducerOptions,
): Producer<Queues>;
export function createProducer(
  options: ProducerOptions & { readonly spool?: SpoolOption; readonly calls?: CallsOption } = {},
): Producer<Record<string, unknown>> {
  const { schema, send } = new TransactionProducer(options);
  const event = rulesOf(options);
  return {
    send,
    ...(options.spool !== undefined && spoolInto(options.spool, event)),
    ...(options.calls !== undefined && callsBy(options.calls, { schema, event })),
  } as Producer<Record<string, unknown>>;
}

const OPTIONS = ['schema', 'columns', 'traceparent', 'spool', 'calls'];

class TransactionProducer {
  readonly schema: PgqSchema;
  readonly #rules: EventRules;
  /** Whether databases have the bulk insert of the bundled engine, as the first bulk of each has told. */
  readonly #byAddress = new Map<string, boolean>();
  readonly #byObject = new WeakMap<object, boolean>();

  constructor(options: ProducerOptions) {
    const strange = Object.keys(options).find((name) => !OPTIONS.includes(name));
    if (strange !== undefined)
      throw mistakeInEvent(`A producer has no option \`${strange}\`.`, `There are ${OPTIONS.join(', ')}.`);
    this.schema = options.schema ?? 'pgq';
    if (this.schema !== 'pgq' && this.schema !== 'pgque')
      throw mistakeInEvent('`schema` of a producer is neither `pgq` nor `pgque`.');
    this.#rules = rulesOf(options);
  }

  send = async (
    given: unknown,
    queue: string,
    events: ProducedEvent | readonly ProducedEvent[],
  ): Promise<string | string[]> => {
    const tx = transactionOf(given);
    queueNamed(queue);
    if (!Array.isArray(events)) {
      const event = textsOf(events as ProducedEvent, this.#rules);
      const [id = ''] = await this.#ids(tx, queue, insertOne(this.schema, queue, event));
      return id;
    }
    const all = events.map((event) => textsOf(event, this.#rules));
    if (all.length === 0) return [];
    return await this.#ids(tx, queue, this.#insert(tx, queue, all));
  };

  #insert(tx: CallersTransaction, queue: string, events: readonly EventTexts[]): InsertCall {
    const insert = this.#isBulk(tx.database) === true ? insertInBulk : insertEach;
    return insert(this.schema, queue, events);
  }

  async #ids(tx: CallersTransaction, queue: string, call: InsertCall): Promise<string[]> {
    const rows = await this.#run(tx, queue, call);
    const [first] = rows;
    if (first === undefined) throw noSuchQueue(queue, await this.#names(tx, queue));
    if (typeof first.bulk === 'boolean') this.#note(tx.database, first.bulk);
    return rows.map(({ id }) => String(id));
  }

  async #names(tx: CallersTransaction, queue: string): Promise<string[]> {
    const [row] = await this.#run(tx, queue, namesOfQueues(this.schema));
    return JSON.parse(String(row?.names)) as string[];
  }

  async #run(tx: CallersTransaction, queue: string, call: InsertCall): Promise<readonly ProducedRow[]> {
    try {
      return await tx.run(call);
    } catch (error) {
      // The engine may be gone from a database that had it: what is known is asked again.
      this.#forget(tx.database);
      throw explained(error, { queue, schema: this.schema });
    }
  }

  #isBulk(database: CallersTransaction['database']): boolean | undefined {
    if (database === undefined) return undefined;
    return typeof database === 'string' ? this.#byAddress.get(database) : this.#byObject.get(database);
  }

  #note(database: CallersTransaction['database'], isBulk: boolean): void {
    if (typeof database === 'string') this.#byAddress.set(database, isBulk);
    else if (database !== undefined) this.#byObject.set(database, isBulk);
  }

  #forget(database: CallersTransaction['database']): void {
    if (typeof database === 'string') this.#byAddress.delete(database);
    else if (database !== undefined) this.#byObject.delete(database);
  }
}
