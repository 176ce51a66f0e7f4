// The producer's way into a spool: the same events, appended on this machine.
import { BadUnit, parseSize } from '../config/units.ts';
import { SpoolWriter } from '../spool/writer.ts';
import type { ProducedEvent, SpoolingProducer, SpoolOption, SpoolOptions } from './contract.ts';
import { type EventRules, queueNamed, textsOf } from './event.ts';
import { mistakeInEvent } from './mistakes.ts';

const OPTIONS = ['folder', 'fsync', 'limit', 'segment'];

/** @throws where the folder cannot be written to. */
export function spoolInto(
  option: SpoolOption,
  rules: EventRules,
): Pick<SpoolingProducer<Record<string, unknown>>, 'spool' | 'close'> {
  const options: Partial<SpoolOptions> = typeof option === 'string' ? { folder: option } : (option ?? {});
  const strange = Object.keys(options).find((name) => !OPTIONS.includes(name));
  if (strange !== undefined)
    throw mistakeInEvent(`\`spool\` knows no \`${strange}\`.`, `There are ${OPTIONS.join(', ')}.`);
  const { folder, fsync = true } = options;
  if (typeof folder !== 'string' || folder === '') throw mistakeInEvent('`spool` needs a folder.');
  const writer = new SpoolWriter({
    ...{ folder, fsync },
    limitBytes: sizeOf('limit', options.limit ?? '1GB'),
    segmentBytes: sizeOf('segment', options.segment ?? '16MB'),
  });
  return {
    spool: async (queue: string, given: ProducedEvent | readonly ProducedEvent[]) => {
      queueNamed(queue);
      const events = (Array.isArray(given) ? given : [given]) as readonly ProducedEvent[];
      if (events.length === 0) throw mistakeInEvent('There is no event to spool.');
      return await writer.append(
        queue,
        events.map((event) => textsOf(event, rules)),
      );
    },
    close: () => writer.close(),
  };
}

function sizeOf(name: string, text: string): number {
  try {
    return parseSize(text);
  } catch (error) {
    if (error instanceof BadUnit) throw mistakeInEvent(`\`spool.${name}\` ${error.message}.`);
    throw error;
  }
}
