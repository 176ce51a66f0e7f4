// The page of the demo's shop: places orders, and listens to what becomes of them.
const MOST_ROWS = 14;
const body = document.querySelector('tbody');
const status = document.querySelector('[role=status]');
const euros = new Intl.NumberFormat('en', { style: 'currency', currency: 'EUR' });
/** By shard and number. */
const rows = new Map();
const placedAt = new Map();

function show(key, { cents, state, own = false }) {
  const row = rows.get(key) ?? body.insertRow(0);
  rows.set(key, row);
  if (own) row.className = 'own';
  row.replaceChildren(
    ...[key, euros.format(cents / 100), state].map((text, at) => {
      const cell = document.createElement('td');
      cell.textContent = text;
      if (at === 1) cell.className = 'number';
      return cell;
    }),
  );
  while (body.rows.length > MOST_ROWS) {
    const last = body.rows[body.rows.length - 1];
    for (const [name, one] of rows) if (one === last) rows.delete(name);
    last.remove();
  }
}

const stream = new EventSource(`${document.body.dataset.live}?channel=invoices`);
stream.addEventListener('open', () => {
  status.textContent = 'Listening.';
});
stream.addEventListener('error', () => {
  status.textContent = 'Nobody answers; trying again …';
});
stream.addEventListener('reset', () => location.reload());
stream.addEventListener('invoiced', ({ data }) => {
  const { shard, order, cents, invoice } = JSON.parse(data).data;
  const key = `${shard} #${order}`;
  const took = placedAt.has(key)
    ? `, ${Math.round(performance.now() - placedAt.get(key))} ms after the click`
    : '';
  show(key, { cents, state: `invoice ${invoice}${took}` });
});

document.querySelector('button').addEventListener('click', async () => {
  const clickedAt = performance.now();
  const answer = await fetch('orders', { method: 'POST', headers: { 'x-shop': '1' } });
  if (!answer.ok) {
    status.textContent = `The order was not taken: ${(await answer.json()).error}`;
    return;
  }
  const { shard, order, cents } = await answer.json();
  const key = `${shard} #${order}`;
  placedAt.set(key, clickedAt);
  // The invoice may be faster than the answer.
  if (rows.has(key)) rows.get(key).className = 'own';
  else show(key, { cents, state: 'placed', own: true });
});
