// Books every payment, all of a batch in one statement.
import { defineHandler } from 'tributary';

export default defineHandler({
  async batch(events, { client }) {
    const payments = events.map((event) => event.json());
    await client.query(
      `insert into booking (origin, order_id, cents)
       select origin, order_id, cents
         from unnest($1::text[], $2::bigint[], $3::int[]) with ordinality as b (origin, order_id, cents, place)
        order by place`,
      [
        events.map(({ origin }) => String(origin)),
        payments.map(({ order }) => order),
        payments.map(({ cents }) => cents),
      ],
    );
  },
});
