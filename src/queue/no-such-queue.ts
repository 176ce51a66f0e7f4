// The sentence about a queue that is not there, for all that put events into queues of shards.
import { nearest } from '../config/nearest.ts';
import { TributaryError } from '../errors/tributary-error.ts';

export function noSuchQueue(queue: string, names: readonly string[]): TributaryError {
  const meant = nearest(queue, names);
  const known = names.length === 0 ? 'There is none yet' : `There are: ${names.slice(0, 20).join(', ')}`;
  return new TributaryError(`This database has no queue \`${queue}\`.`, {
    code: 'producer-queue',
    kind: 'misconfigured',
    remedy:
      meant === undefined
        ? `${known}; \`pgq.create_queue\`, or \`create: true\` in the file, makes one.`
        : `Did you mean \`${meant}\`?`,
  });
}
