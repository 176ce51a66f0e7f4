// Why events of a shard are not moved, in sentences with the remedy. Pure.

import type { StoredSource } from '../central/positions.ts';
import type { ShardStanding } from '../central/succession/standing.ts';
import type { Shard } from '../config/config.ts';
import { shellWord } from '../errors/shell-word.ts';

export interface WhyNotMoved {
  readonly sentences: readonly string[];
  /** Waiting changes nothing: an operator has to act first. */
  readonly isFinal: boolean;
}

/** @param left sources with events that wait. */
export function whyNotMoved(
  { name, moverHost }: Shard,
  left: readonly StoredSource[],
  { holder, reasons }: ShardStanding,
): WhyNotMoved {
  const halted = left.filter(({ state }) => state === 'halted');
  const paused = left.filter((one) => one.paused && one.state !== 'halted');
  const stopped = [
    ...halted.map(
      ({ queue, haltReason }) =>
        `Source ${name}:${queue} is halted (${haltReason ?? 'no reason is noted'}): \`tributary repair ${shellWord(`${name}:${queue}`)} --dry-run\` shows the ways on.`,
    ),
    ...(paused.length === 0
      ? []
      : [
          `${paused.map(({ queue }) => `${name}:${queue}`).join(', ')} ${paused.length === 1 ? 'is' : 'are'} paused (${paused[0]?.pauseReason ?? 'no reason is noted'}), and events wait there: \`tributary resume --shard ${shellWord(name)}\`.`,
        ]),
  ];
  if (stopped.length > 0) return { sentences: stopped, isFinal: true };
  const none = left.find(({ position }) => position === undefined);
  if (none !== undefined)
    return {
      sentences: [`Source ${name}:${none.queue} has no position: run \`tributary install\`.`],
      isFinal: true,
    };
  if (holder === undefined)
    return {
      sentences: [
        `No mover holds shard ${name}, and events wait there: start one on host ${moverHost} (\`tributary mover --host ${shellWord(moverHost)}\`).`,
      ],
      isFinal: false,
    };
  const said = left.flatMap(({ queue }) => {
    const reason = reasons.get(queue);
    return reason === undefined ? [] : [`Source ${name}:${queue}: ${reason}`];
  });
  return {
    sentences:
      said.length > 0
        ? said
        : [
            `The mover of ${holder} still moves events of ${name}: wait longer (--wait), and see \`tributary lag --by source\`.`,
          ],
    isFinal: false,
  };
}
