// A server that accepts connections and never answers: so a firewall that drops packets looks to a client.
import { createServer } from 'node:net';
import { onTestFinished } from 'vitest';

/** Closed when the test is over. */
export async function givenBlackHole(): Promise<{ readonly port: number }> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    open.add(socket);
  });
  const open = new Set<{ destroy(): unknown }>();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { port: address.port };
}
