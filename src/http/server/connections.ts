// Limits the connections of a server, so that connections that clients leave open keep no other client out.
//
// Invariant: beyond the limit the connection is closed that has been without a request for longest; one whose request is
// being answered goes last. Those that are set apart do not count: they have a limit of their own. Where there may be such, as
// many may come at once as well, for instance when all browsers come again; the server closes those that ask for nothing.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export interface ConnectionLimits {
  readonly most: number;
  /** That have just come and have not asked yet, beside those; default: none. */
  readonly coming?: number;
}

/** @returns what sets a connection apart, for as long as its request is being answered. */
export function limitConnections(
  server: Server,
  { most, coming = 0 }: ConnectionLimits,
): (socket: Socket) => void {
  /** In the order of their last requests. */
  const resting = new Set<Socket>();
  /** Those of them without a request so far. */
  const fresh = new Set<Socket>();
  const answered = new Set<Socket>();
  const oldest = (): Socket | undefined => {
    if (fresh.size <= coming) for (const socket of resting) if (!fresh.has(socket)) return socket;
    const [first] = resting.size > 1 ? resting : answered.size > 0 ? answered : resting;
    return first;
  };
  server.on('connection', (socket: Socket) => {
    resting.add(socket);
    fresh.add(socket);
    socket.once('close', () => {
      for (const sockets of [resting, fresh, answered]) sockets.delete(socket);
    });
    if (resting.size + answered.size - Math.min(fresh.size, coming) > most) oldest()?.destroy();
  });
  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    resting.delete(socket);
    fresh.delete(socket);
    answered.add(socket);
    response.once('close', () => {
      answered.delete(socket);
      if (!socket.destroyed) resting.add(socket);
    });
  });
  return (socket) => {
    resting.delete(socket);
    answered.delete(socket);
  };
}
