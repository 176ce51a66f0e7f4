// Writes an invoice for every order: one event after the other, in the transaction that finishes the batch.
import { defineHandler } from 'tributary';

export default defineHandler({
  async event(event, { client }) {
    const { order, cents } = event.json();
    await client.query('insert into invoice (origin, order_id, cents) values ($1, $2, $3)', [
      String(event.origin),
      order,
      cents,
    ]);
  },
});
