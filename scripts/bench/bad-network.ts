// A connection to a server through a proxy, which can take everything and answer nothing (a black hole), or become slow.
import { connect, createServer, type Socket } from 'node:net';

export interface Detour {
  readonly port: number;
  /** Takes connections and bytes, and passes nothing on. */
  blackHole(): void;
  /** Every answer comes this much later. */
  slow(ms: number): void;
  /** Ends the fault. What a black hole took stays lost, so its connections are cut. */
  heal(): void;
  close(): void;
}

export async function openDetour(target: { readonly host: string; readonly port: number }): Promise<Detour> {
  const pairs = new Map<Socket, Socket | undefined>();
  let isBlackHole = false;
  let delayMs = 0;
  const cut = () => {
    for (const sockets of pairs) for (const socket of sockets) socket?.destroy();
  };
  const server = createServer((client) => {
    client.on('error', () => {});
    client.on('close', () => pairs.delete(client));
    const upstream = isBlackHole ? undefined : connect(target);
    pairs.set(client, upstream);
    client.on('data', (chunk) => {
      if (!isBlackHole) upstream?.write(chunk);
    });
    upstream?.on('error', () => {});
    upstream?.on('data', (chunk) => {
      setTimeout(() => {
        if (!isBlackHole && !client.destroyed) client.write(chunk);
      }, delayMs);
    });
    client.on('close', () => upstream?.destroy());
    upstream?.on('close', () => {
      if (!isBlackHole) client.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    port: address.port,
    blackHole() {
      isBlackHole = true;
    },
    slow(ms) {
      delayMs = ms;
    },
    heal() {
      if (isBlackHole) cut();
      isBlackHole = false;
      delayMs = 0;
    },
    close() {
      cut();
      server.close();
    },
  };
}
