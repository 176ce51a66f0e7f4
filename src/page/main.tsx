// The dashboard: what the server says, shown in the browser.
import { render } from 'preact';
import { layout, link, state } from './live/store.ts';
import { follow } from './live/stream.ts';

function App() {
  return (
    <main>
      <h1>{state.value?.headline ?? 'Waiting for the server.'}</h1>
      <p>
        {layout.value?.name} {link}
      </p>
    </main>
  );
}

const root = document.getElementById('page');
if (root !== null) {
  root.textContent = '';
  render(<App />, root);
}
follow();
