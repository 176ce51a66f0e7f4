// Sources whose queues were not there when the session of their shard began.
import { TributaryError } from '../../errors/tributary-error.ts';
import type { Source } from '../source/source.ts';

export function missingAmong(sources: readonly Source[], queues: ReadonlyMap<string, unknown>): Source[] {
  return sources.filter(({ queue }) => !queues.has(queue));
}

/** Says it of each, unless it has trouble already. */
export function noteMissing(sources: readonly Source[], queues: ReadonlyMap<string, unknown>): void {
  for (const source of missingAmong(sources, queues)) {
    if (source.trouble !== undefined) continue;
    source.failed(
      new TributaryError(
        `Queue ${source.queue} does not exist on shard ${source.shard}: create it there or take it out of the file.`,
        { code: 'queue-missing', kind: 'halting' },
      ),
      'read',
    );
  }
}
