// The queue that a command line names, one whose changes are applied to tables.
import type { Config, Queue } from '../../../config/config.ts';
import { nearest } from '../../../config/nearest.ts';
import { EXIT, Exit } from '../../exit.ts';

/** @throws Exit 2 with the nearest name, or with what to add. */
export function appliedQueue({ queues, file }: Config, name: string): Queue {
  const queue = queues.find((one) => one.name === name);
  if (queue?.apply !== undefined) return queue;
  if (queue !== undefined)
    throw new Exit(
      EXIT.wrong,
      `Queue ${name} has no \`apply\` in ${file}: its events are not applied to tables.`,
    );
  const meant = nearest(
    name,
    queues.flatMap((one) => (one.apply === undefined ? [] : [one.name])),
  );
  throw new Exit(
    EXIT.wrong,
    `There is no queue ${name} in ${file}${meant === undefined ? '.' : `: did you mean ${meant}?`}`,
  );
}
