// The part of the address behind `#`: which page is shown, and what of it. Pure.

const PAGES = ['overview', 'source', 'queue', 'dead', 'find', 'members', 'log'] as const;

export interface Route {
  readonly page: (typeof PAGES)[number];
  /** Of a source its shard and queue, of a queue its name. */
  readonly names: readonly string[];
  readonly options: Readonly<Record<string, string>>;
}

const NAMES: Partial<Readonly<Record<Route['page'], number>>> = { source: 2, queue: 1 };

/** What is not understood leads to the overview. */
export function routeOf(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#?\/?/, '').split('?', 2);
  const [first = '', ...rest] = path.split('/');
  const page = PAGES.find((name) => name === first) ?? 'overview';
  const names = rest.map(decoded).filter((name) => name !== '');
  if (names.length !== (NAMES[page] ?? 0)) return { page: 'overview', names: [], options: {} };
  return { page, names, options: Object.fromEntries(new URLSearchParams(query)) };
}

export function hashOf({ page, names = [], options = {} }: Partial<Route> & Pick<Route, 'page'>): string {
  const path = [page === 'overview' ? '' : page, ...names.map(encodeURIComponent)].join('/');
  const query = new URLSearchParams(Object.entries(options).filter(([, value]) => value !== '')).toString();
  return `#/${path}${query === '' ? '' : `?${query}`}`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
