// Compiled, not run: the producer is typed by the caller's own map of queues.
import { createProducer } from '../src/producer.ts';

interface Order {
  readonly id: number;
}
interface Queues {
  orders: Order;
  mails: { to: string } | undefined;
  notes: string;
}

declare const tx: object;

export async function typed(): Promise<[string, string[]]> {
  const events = createProducer<Queues>();
  const id: string = await events.send(tx, 'orders', { type: 'placed', data: { id: 1 }, key: 1 });
  const ids: string[] = await events.send(tx, 'orders', [{ data: { id: 1 }, at: new Date() }]);
  await events.send(tx, 'mails', { type: 'none' });
  await events.send(tx, 'notes', { data: 'text', after: '5m', unique: 'a' });
  // @ts-expect-error no such queue
  await events.send(tx, 'order', { data: { id: 1 } });
  // @ts-expect-error an order needs data
  await events.send(tx, 'orders', { type: 'placed' });
  // @ts-expect-error of the right type
  await events.send(tx, 'orders', { data: { id: '1' } });
  // @ts-expect-error each of them
  await events.send(tx, 'orders', [{ data: { id: 1 } }, { data: {} }]);
  // @ts-expect-error no such field
  await events.send(tx, 'orders', { data: { id: 1 }, payload: 1 });
  // @ts-expect-error a transaction is needed
  await events.send('tx', 'notes', { data: '' });
  // @ts-expect-error no such column
  createProducer({ columns: { key: 'data' } });
  const spooling = createProducer<Queues>({ spool: { folder: '/var/spool/x', limit: '1GB', fsync: false } });
  const record: string = await spooling.spool('orders', [{ data: { id: 1 } }]);
  await spooling.send(tx, 'notes', { data: record });
  // @ts-expect-error of the right type here as well
  await spooling.spool('orders', { data: 'text' });
  // @ts-expect-error without the option there is no spool
  await events.spool('orders', { data: { id: 1 } });
  // Without a map any queue and any data.
  await createProducer().send(tx, 'anything', { data: [1] });
  return [id, ids];
}
