// How a heat map is laid out: the same for every central queue, whatever the numbers of hosts and shards. Pure.
import type { Layout } from '../../http/dashboard/state.ts';

export interface MapShape {
  /** Cells side by side; a host with more shards has several lines. */
  readonly columns: number;
  /** Hosts with few shards stand in blocks beside each other. */
  readonly isNarrow: boolean;
  readonly hosts: readonly HostShape[];
  readonly cells: number;
}

export interface HostShape {
  readonly name: string;
  readonly shards: readonly string[];
  /** Of its first cell, counted over all hosts. */
  readonly first: number;
}

const MOST_COLUMNS = 20;
const LEAST_COLUMNS = 12;
const NARROW_COLUMNS = 6;
const MANY_HOSTS = 12;

export function shapeOf(hosts: Layout['hosts']): MapShape {
  let first = 0;
  const shaped = hosts.map(({ name, shards }) => {
    const host = { name, shards, first };
    first += shards.length;
    return host;
  });
  const longest = Math.max(1, ...hosts.map(({ shards }) => shards.length));
  const columns = longest <= MOST_COLUMNS ? longest : evenest(longest);
  return {
    columns,
    isNarrow: columns <= NARROW_COLUMNS && hosts.length > MANY_HOSTS,
    hosts: shaped,
    cells: first,
  };
}

/** The number of columns that leaves the fewest places of the last line empty; of two, the larger. */
function evenest(shards: number): number {
  let best = MOST_COLUMNS;
  for (let columns = MOST_COLUMNS; columns >= LEAST_COLUMNS; columns -= 1)
    if (emptyIn(shards, columns) < emptyIn(shards, best)) best = columns;
  return best;
}

const emptyIn = (shards: number, columns: number): number => (columns - (shards % columns)) % columns;

/** Where a key leads from a cell; undefined: it is none of these keys. */
export function cellAfterKey(
  { columns, hosts, cells }: MapShape,
  cell: number,
  key: string,
  isWhole: boolean,
): number | undefined {
  const at = hosts.findIndex(({ first, shards }) => cell >= first && cell < first + shards.length);
  const host = hosts[at];
  if (host === undefined) return undefined;
  const [place, last] = [cell - host.first, host.shards.length - 1];
  const column = place % columns;
  switch (key) {
    case 'ArrowRight':
      return Math.min(cell + 1, cells - 1);
    case 'ArrowLeft':
      return Math.max(cell - 1, 0);
    case 'ArrowDown': {
      if (place + columns <= last) return cell + columns;
      // A shorter last line is not jumped over.
      if (Math.floor(place / columns) < Math.floor(last / columns)) return host.first + last;
      const next = hosts[at + 1];
      return next === undefined ? cell : next.first + Math.min(column, next.shards.length - 1);
    }
    case 'ArrowUp': {
      if (place >= columns) return cell - columns;
      const before = hosts[at - 1];
      if (before === undefined) return cell;
      const lastLine = Math.floor((before.shards.length - 1) / columns) * columns;
      return before.first + Math.min(lastLine + column, before.shards.length - 1);
    }
    case 'Home':
      return isWhole ? 0 : host.first;
    case 'End':
      return isWhole ? cells - 1 : host.first + last;
    default:
      return undefined;
  }
}
