// Puts every mail into the outbox, in the order of the events on central: this queue has one worker.
//
// The program that sends the mails uses `origin` as the idempotency key: a mail cannot be rolled back, a row can.
import { defineHandler } from 'tributary';

export default defineHandler({
  async batch(events, { client }) {
    await client.query(
      `insert into outbox (origin, template, order_id)
       select origin, template, order_id
         from unnest($1::text[], $2::text[], $3::bigint[]) with ordinality as m (origin, template, order_id, place)
        order by place`,
      [
        events.map(({ origin }) => String(origin)),
        events.map(({ type }) => type),
        events.map((event) => event.json().order),
      ],
    );
  },
});
