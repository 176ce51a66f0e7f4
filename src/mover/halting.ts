// Halts a source: at once in memory and in the log, and on central in the background.

import type { CentralLink } from '../central/central-link.ts';
import { type Halt, haltSource } from '../central/positions.ts';
import { shellWord } from '../errors/shell-word.ts';
import type { OnMoverOccurrence } from './occurrence.ts';
import type { Source } from './source/source.ts';

export interface HaltingOptions {
  /** For short queries. */
  central(): CentralLink;
  readonly onOccurrence: OnMoverOccurrence;
}

export const halting =
  ({ central, onOccurrence }: HaltingOptions) =>
  (source: Source, { code, reason: what }: Halt): void => {
    const { shard, queue } = source;
    const reason = `Source ${shard}:${queue} is halted: ${what}. \`tributary repair ${shellWord(`${shard}:${queue}`)} --dry-run\` shows the ways on.`;
    source.halt(reason);
    onOccurrence({ kind: 'source-halted', shard, queue, code, reason });
    central()
      .use((connection) => haltSource(connection, source.id, { code, reason }))
      .catch((error: unknown) => onOccurrence({ kind: 'central-trouble', queue: undefined, error }));
  };
