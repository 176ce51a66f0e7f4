// The dashboard: what the server says, shown in the browser.
import { effect } from '@preact/signals';
import { render } from 'preact';
import { followAddress, layout, route, staleness, state } from './live/store.ts';
import { followServer } from './live/stream.ts';
import type { Route } from './url/route.ts';
import { DeadEvents } from './views/dead.tsx';
import { Find } from './views/find.tsx';
import { Header, StaleNotice } from './views/header.tsx';
import { OperatorsLog } from './views/log.tsx';
import { Members } from './views/members.tsx';
import { Overview } from './views/overview.tsx';
import { QueuePage } from './views/queue.tsx';
import { SourcePage } from './views/source.tsx';
import { showHarmless } from './words/harmless.ts';

function Page() {
  const { page, names } = route.value;
  return (
    <>
      <Header />
      <StaleNotice />
      <main id="main" tabIndex={-1} class={staleness.value === undefined ? '' : 'stale'}>
        <View key={[page, ...names].join('/')} route={route.value} />
      </main>
    </>
  );
}

function View({ route: { page, names } }: { readonly route: Route }) {
  const [first = '', second = ''] = names;
  switch (page) {
    case 'source':
      return <SourcePage shard={first} queue={second} />;
    case 'queue':
      return <QueuePage name={first} />;
    case 'dead':
      return <DeadEvents />;
    case 'find':
      return <Find />;
    case 'members':
      return <Members />;
    case 'log':
      return <OperatorsLog />;
    default:
      return <Overview />;
  }
}

showHarmless();
const root = document.getElementById('page');
if (root !== null) {
  root.textContent = '';
  render(<Page />, root);
}
effect(() => {
  const needs = state.value?.diagnoses.length ?? 0;
  document.title = `${needs > 0 ? `(${needs}) ` : ''}${layout.value?.name ?? ''} · Tributary`;
});
followAddress();
followServer();
