// Limits the connections of a server, so that connections that clients leave open keep no other client out.
//
// Invariant: beyond the limit the connection is closed that has been without a request for longest; one whose request is
// being answered goes last. Those that are set apart do not count: they have a limit of their own.
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** @returns what sets a connection apart, for as long as its request is being answered. */
export function limitConnections(server: Server, most: number): (socket: Socket) => void {
  /** In the order of their last requests. */
  const resting = new Set<Socket>();
  const answered = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    resting.add(socket);
    socket.once('close', () => {
      resting.delete(socket);
      answered.delete(socket);
    });
    if (resting.size + answered.size <= most) return;
    const [oldest] = resting.size > 1 ? resting : answered.size > 0 ? answered : resting;
    oldest?.destroy();
  });
  server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    resting.delete(socket);
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
