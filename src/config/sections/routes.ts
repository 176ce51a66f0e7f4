// `routes:` → which of its central queues get an event of a source queue that feeds several.
import type { Config, Queue, RouteMode } from '../config.ts';
import { feedsOf } from '../feeds.ts';
import { nearest } from '../nearest.ts';
import type { Value } from '../value.ts';

const MODES: readonly RouteMode[] = ['first', 'all'];
const WANTED =
  '`first` or `all`, or a map from a source queue to one of them, such as `routes: { orders: first }`';

/** A queue of the file, and where each of its source queues stands. */
export interface PlacedQueue {
  readonly queue: Queue;
  readonly placeOf: ReadonlyMap<string, Value>;
}

/** @param queues of the file, in its order. */
export function readRoutes(value: Value | undefined, queues: readonly PlacedQueue[]): Config['routes'] {
  const feeds = feedsOf({ queues: queues.map(({ queue }) => queue) });
  const several = feeds.filter(({ mode }) => mode !== undefined);
  const modes = readModes(
    value,
    feeds.map(({ queue }) => queue),
  );
  const routes: Record<string, RouteMode> = {};
  for (const { queue: source, to } of several) {
    const mode = typeof modes === 'string' ? modes : modes?.get(source);
    const placeOf = (queue: Queue) => queues.find((one) => one.queue === queue)?.placeOf.get(source);
    if (mode === undefined && modes !== 'unclear') {
      const [first, second] = to as readonly Queue[] as [Queue, Queue];
      placeOf(second)?.problem(
        `The source queue \`${source}\` feeds \`${second.name}\` here and \`${first.name}\` in line ${placeOf(first)?.line}: take it out of one, or say which of them get an event, with \`routes: { ${source}: first }\` (the first whose \`where\` matches) or \`routes: { ${source}: all }\` (each whose \`where\` matches).`,
      );
    }
    if (mode === undefined || mode === 'unclear') continue;
    routes[source] = mode;
    const at = to.findIndex(({ where }) => where === undefined);
    const [taker, after] = [to[at], to[at + 1]];
    if (mode === 'first' && at !== -1 && taker !== undefined && after !== undefined)
      placeOf(after)?.problem(
        `No event of the source queue \`${source}\` comes to \`${after.name}\`: \`${taker.name}\` in line ${placeOf(taker)?.line} takes all of them, since it has no \`where\` and goes first. Put it last, give it a \`where\`, or say \`routes: { ${source}: all }\`.`,
      );
  }
  return Object.keys(routes).length === 0 ? undefined : routes;
}

/** `unclear`: a mistake was reported, and what was meant is not known. */
function readModes(
  value: Value | undefined,
  sources: readonly string[],
): RouteMode | 'unclear' | ReadonlyMap<string, RouteMode | 'unclear'> | undefined {
  if (value === undefined) return undefined;
  if (!value.isMap) return value.oneOf(MODES) ?? 'unclear';
  const modes = new Map<string, RouteMode | 'unclear'>();
  for (const [source, entry] of value.entries(WANTED) ?? []) {
    modes.set(source, entry.oneOf(MODES) ?? 'unclear');
    if (sources.includes(source)) continue;
    const meant = nearest(source, sources);
    entry.problem(
      `${entry.name} names no source queue of the file: ${meant === undefined ? `there are ${sources.join(', ')}.` : `did you mean \`${meant}\`?`}`,
    );
  }
  return modes;
}
