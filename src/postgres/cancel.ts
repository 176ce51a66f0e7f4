// Cancels a statement in the server when its answer is not waited for any more: else it would go on, with its locks and its
// connection, until it has what it waits for.
import { connect } from 'node:net';
import { TIMING } from '../lifecycle/timing.ts';

/** As the protocol has it: instead of a version. */
const CANCEL_CODE = 80_877_102;
const MESSAGE_BYTES = 16;

export interface CancelTarget {
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  readonly secret: number;
}

/**
 * Sent over a connection of its own, without TLS, which servers accept. Nothing is waited for: where it cannot be delivered,
 * the server has to find out by itself.
 */
export function requestCancel({ host, port, pid, secret }: CancelTarget): void {
  const message = Buffer.alloc(MESSAGE_BYTES);
  for (const [at, value] of [MESSAGE_BYTES, CANCEL_CODE, pid].entries()) message.writeInt32BE(value, at * 4);
  message.writeInt32BE(secret | 0, 12);
  const socket = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host);
  socket.setTimeout(TIMING.connections.cancelMs, () => socket.destroy());
  socket.on('error', () => {});
  socket.unref();
  socket.end(message);
}
