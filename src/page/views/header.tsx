// The head of every page: where one is, where one can go, and whether what is shown is from now.
import { useState } from 'preact/hooks';
import { layout, link, route, staleness, state } from '../live/store.ts';
import { Sentence } from '../parts/shown.tsx';
import { hashOf, type Route } from '../url/route.ts';
import { shortCount } from '../words/numbers.ts';
import { clockTime } from '../words/times.ts';

const LINKS: readonly (readonly [Route['page'], string])[] = [
  ['overview', 'Overview'],
  ['dead', 'Dead events'],
  ['find', 'Find'],
  ['members', 'Members'],
  ['log', 'Log'],
];

export function Header() {
  const here = route.value.page;
  const dead = state.value?.queues.reduce((sum, queue) => sum + queue.dead, 0) ?? 0;
  return (
    <header class="top">
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        Skip to the content
      </button>
      <a class="brand" href={hashOf({ page: 'overview' })}>
        <Mark />
        <span>Tributary</span>
        <b>{layout.value?.name}</b>
      </a>
      <nav aria-label="Pages">
        {LINKS.map(([page, name]) => (
          <a key={page} href={hashOf({ page })} aria-current={page === here ? 'page' : undefined}>
            {name}
            {page === 'dead' && dead > 0 && <span class="count">{shortCount(dead)}</span>}
          </a>
        ))}
      </nav>
      <Finder />
      <Freshness />
    </header>
  );
}

function Finder() {
  const [origin, setOrigin] = useState('');
  const find = (event: Event) => {
    event.preventDefault();
    if (origin.trim() !== '') location.hash = hashOf({ page: 'find', options: { origin: origin.trim() } });
    setOrigin('');
  };
  return (
    <form class="finder" role="search" onSubmit={find}>
      <input
        type="search"
        aria-label="Find an event by its origin"
        placeholder="shard:queue:id"
        autocomplete="off"
        spellcheck={false}
        value={origin}
        onInput={({ currentTarget }) => setOrigin(currentTarget.value)}
      />
    </form>
  );
}

function Freshness() {
  const at = state.value?.at;
  const isStale = staleness.value !== undefined;
  return (
    <span class={`fresh ${isStale ? 'stale' : link.value}`}>
      <i aria-hidden="true" />
      {at == null ? 'connecting' : `${isStale ? 'as of ' : ''}${clockTime(new Date(at))}`}
    </span>
  );
}

/** Three streams that become one. */
function Mark() {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true" class="logo">
      <path d="M4 6c8 0 8 10 16 10M4 16h24M4 26c8 0 8-10 16-10" />
    </svg>
  );
}

/** Above everything while figures are older than they should be. */
export function StaleNotice() {
  return (
    <div role="status" class={staleness.value === undefined ? 'unseen' : 'stale-notice'}>
      <Sentence text={staleness.value ?? ''} />
    </div>
  );
}
