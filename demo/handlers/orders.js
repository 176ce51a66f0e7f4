// Writes an invoice for every order: one event after the other, in the transaction that finishes the batch.
//
// Browsers that look at the shop are shown the invoices of orders that were placed there, and some of the others.
import { defineHandler } from 'tributary';

/** One of this many is shown. */
const SHOWN = 50;

export default defineHandler({
  async event(event, { client, publish }) {
    const { order, cents, till } = event.json();
    const { rows } = await client.query(
      'insert into invoice (origin, order_id, cents) values ($1, $2, $3) returning no',
      [String(event.origin), order, cents],
    );
    if (till === 'browser' || order % SHOWN === 0) {
      const { shard } = event.origin;
      publish('invoices', { shard, order, cents, invoice: Number(rows[0].no) }, { type: 'invoiced' });
    }
  },
});
