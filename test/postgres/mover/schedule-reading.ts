// How a schedule reads the windows that a round found: by COPY, or with what came with the round.
import type { Position } from '../../../src/central/position.ts';
import { Cutter } from '../../../src/mover/windows/cutter.ts';
import { pieceOf } from '../../../src/mover/windows/inline-windows.ts';
import type { Connection } from '../../../src/postgres/connection.ts';
import { endCopyOut, type Reader, startCopyOut } from '../../../src/shards/copy-out.ts';
import type { InlineRows } from '../../../src/shards/inline-read.ts';
import type { QueueOnShard } from '../../../src/shards/queue-on-shard.ts';
import type { Random } from '../../support/random.ts';

export interface Followed {
  readonly queue: QueueOnShard;
  position: Position;
  /** Number of the window that was read last. */
  window: number;
}

/** A window that a round found; `inline`: its events, where they came with the round. */
export interface Found {
  readonly followed: Followed;
  readonly reader: Reader;
  readonly inline: InlineRows | undefined;
}

export function readingOf(queue: string): Reader['reading'] {
  return { shard: 's', queue, where: undefined, columns: {}, origin: 'extra4' };
}

/** The rows of each window, as central would get them. */
export async function readFound(
  mover: Connection,
  found: readonly Found[],
  random: Random,
): Promise<[Found, Buffer][]> {
  const copied = found.filter(({ inline }) => inline === undefined);
  const bytes = copied.length > 0 ? await copy(mover, copied, random) : [];
  return [
    ...copied.map((one, k): [Found, Buffer] => [one, bytes[k] as Buffer]),
    ...found.flatMap((one): [Found, Buffer][] =>
      one.inline === undefined ? [] : [[one, pieceOf(0, one.inline).bytes]],
    ),
  ];
}

async function copy(mover: Connection, found: readonly Found[], random: Random): Promise<Buffer[]> {
  // Some rows count as too large to be held: they come in parts.
  const cutter = new Cutter({ oversizeBytes: random.pick([100, 1_000_000]) });
  const bytes = found.map((): Buffer[] => []);
  const stream = await startCopyOut(
    mover,
    found.map(({ reader }) => reader),
  );
  for await (const chunk of stream) {
    for (const piece of cutter.push(chunk as Buffer)) bytes[piece.k]?.push(piece.bytes);
  }
  await endCopyOut(mover);
  if (!cutter.hasEnded) throw new Error('the COPY ended early');
  return bytes.map((parts) => Buffer.concat(parts));
}
