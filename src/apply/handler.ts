// The built-in handler that applies captured changes to tables of central: reads events, folds them, and carries the rounds out.
//
// Invariant: for each key of each shard, what the table has is what its last change said. A change that failed and comes again later
// is passed over where a later one of its key was applied meanwhile (newer.ts).
// Order: what central says of tables, copies and late events · the changes, folded · deletes, then rows.
// Fails by: throwing. The worker then calls again with halves of the events, down to the one that fails alone.
import type { AppliedTable, OriginColumn } from '../config/config.ts';
import type { BatchHandler, Context, Event, Origin } from '../handler/contract.ts';
import type { BatchEvent } from '../handler/event.ts';
import type { PgClient } from '../postgres/connection.ts';
import { foldSteps, type KeyStep, type Round, type RowStep } from './fold.ts';
import { type AppliedWork, ApplyLook } from './look.ts';
import { noteNewer, withoutStale } from './newer.ts';
import {
  deleteRows,
  deleteShard,
  findConflict,
  type Statement,
  spellKeys,
  upsertRows,
} from './statements.ts';
import { type AppliedEvent, readEvents, stepsFor, type TableStep } from './steps.ts';
import { type Target, unfit } from './target.ts';

export function applyHandler(tables: readonly AppliedTable[], work: AppliedWork): BatchHandler {
  const look = new ApplyLook(tables, work);
  return {
    async batch(events: readonly Event[], { client }: Context) {
      try {
        const given = events.map((event) => new LazyEvent(event as BatchEvent, work.origin));
        const read = readEvents(given, tables);
        await look.at(
          client,
          read.map(({ event }) => event),
        );
        for (const applied of tables) {
          const own = read.filter((one) => one.applied === applied);
          if (own.length > 0) await applyTo(client, look, { target: look.target(applied), own, work });
        }
      } catch (error) {
        look.failed();
        throw error;
      }
    },
  };
}

/** The origin of an event that no handler sent; all else is left to `event.origin`. */
const FROM_SHARD = /^([^:>]+):[^>]+:(\d+)$/;

/** An event of a worker is a BatchEvent; its row says more than the handler's contract. What is rarely needed is read when it is. */
class LazyEvent implements AppliedEvent {
  readonly #event: BatchEvent;
  readonly id: number;
  readonly type: string | null;
  readonly shard: string;
  readonly sourceId: number | undefined;
  readonly isLate: boolean;

  constructor(event: BatchEvent, column: OriginColumn) {
    this.#event = event;
    this.id = event.id;
    this.type = event.type;
    this.isLate = event.row.wasPutOff;
    const text = column === 'none' ? null : event[column];
    const [, shard, sourceId] = FROM_SHARD.exec(text ?? '') ?? [];
    this.shard = shard ?? event.origin.shard;
    this.sourceId = sourceId === undefined ? undefined : Number(sourceId);
  }

  get data(): string | null {
    return this.#event.data;
  }

  get extra1(): string | null {
    return this.#event.extra1;
  }

  get extra2(): string | null {
    return this.#event.extra2;
  }

  get origin(): Origin {
    return this.#event.origin;
  }

  get timeText(): string {
    return this.#event.row.timeText;
  }
}

async function applyTo(
  client: PgClient,
  look: ApplyLook,
  {
    target,
    own,
    work,
  }: {
    readonly target: Target;
    readonly own: Parameters<typeof stepsFor>[1];
    readonly work: AppliedWork;
  },
): Promise<void> {
  const spelled = await withSpelledKeys(client, target, stepsFor(target, own));
  const steps = await withoutStale(client, spelled, { target, work });
  for (const round of foldSteps(steps, target)) await carryOut(client, target, round);
  if (look.keepsAccount) await noteNewer(client, steps, { target, work });
}

async function carryOut(client: PgClient, target: Target, round: Round): Promise<void> {
  if ('truncated' in round) {
    await run(client, deleteShard(target, round.truncated));
    return;
  }
  if (round.deletes.length > 0) await run(client, deleteRows(target, round.deletes));
  if (round.rows.length > 0) await write(client, target, round.rows);
  if (round.after.length > 0) await run(client, deleteRows(target, round.after));
}

async function write(client: PgClient, target: Target, steps: readonly RowStep[]): Promise<void> {
  const mustAll = !target.isOfShards && target.onConflict === 'error';
  for (let tries = 1; ; tries += 1) {
    let written = 0;
    for (const statement of upsertRows(target, steps)) written += (await run(client, statement)).rowCount;
    if (!mustAll || written >= steps.length) return;
    await refuseConflict(client, target, steps);
    // A worker of another lane deleted the row that was in the way.
    if (tries === MOST_TRIES)
      throw unfit(
        `Rows of ${target.table} of central with keys of other shards come and go all the time.`,
        `Make the key unique over all shards, or take the shard into it (\`key: [${target.shard}, …]\`).`,
      );
  }
}

const MOST_TRIES = 5;

/** @throws TributaryError that names the key and the two shards. */
async function refuseConflict(client: PgClient, target: Target, steps: readonly KeyStep[]): Promise<void> {
  const { rows } = await run<{ owner: string | null; shard: string; key: string }>(
    client,
    findConflict(target, steps),
  );
  const [found] = rows;
  if (found === undefined) return;
  const { owner, shard, key } = found;
  const names = target.ownKey.map(({ name }) => name).join(', ');
  throw unfit(
    `Shard ${shard} has a row with ${names} = ${key} in ${target.source}, and in ${target.table} of central ${owner === null ? 'there is one of no shard' : `shard ${owner} has one`}.`,
    `Make the key unique over all shards, take the shard into it (\`key: [${target.shard}, ${names}]\`), or say by \`on_conflict\` which of them wins.`,
  );
}

/** One key may come in several spellings where its type's text depends on the session, such as a time with its zone. */
async function withSpelledKeys(
  client: PgClient,
  target: Target,
  steps: readonly TableStep[],
): Promise<TableStep[]> {
  if (target.ownKey.every(({ isPlain }) => isPlain)) return [...steps];
  const keyed = steps.filter((step) => 'key' in step);
  if (keyed.length === 0) return [...steps];
  const { rows } = await run<{ key: string[] }>(
    client,
    spellKeys(
      target,
      keyed.map(({ key }) => key),
    ),
  );
  let at = 0;
  return steps.map((step) => ('key' in step ? { ...step, key: rows[at++]?.key ?? step.key } : step));
}

async function run<R extends object = object>(
  client: PgClient,
  { text, values }: Statement,
): Promise<{ readonly rows: R[]; readonly rowCount: number }> {
  const { rows, rowCount } = await client.query<R>(text, [...values]);
  return { rows, rowCount: rowCount ?? 0 };
}
