// A TCP proxy that misbehaves on demand: the network between us and a server.
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEachFile } from '../after-file.ts';
import { type Flow, pass } from './proxy-flow.ts';

export interface Proxy {
  readonly host: string;
  readonly port: number;
  /** Connections that are open now. */
  readonly open: number;
  /** Bytes passed on so far. */
  readonly passed: { readonly fromServer: number; readonly fromClient: number };
  /** Cuts every open connection; new ones are served. */
  cut(): void;
  /** Cuts every open connection and, until `heal`, every new one. */
  drop(): void;
  /** Accepts connections, bytes and ends of connections and passes nothing on, in both directions, until `heal`. */
  blackhole(): void;
  /** Open connections pass nothing on any more, for good; new ones are served: as if the address had moved to another machine. */
  strand(): void;
  /** Reads nothing more from the server over open connections, which stay open; new ones are served. */
  stall(): void;
  /** Everything arrives this much later, both ways, until `heal`. */
  delay(ms: number): void;
  /** Cuts, once, the connection over which the (`bytes` + 1)st byte from now on comes from that side. */
  cutAfter(bytes: number, side?: 'server' | 'client'): void;
  /** Ends all faults. Bytes that were not passed on stay lost, so connections that missed some are cut. */
  heal(): void;
  close(): Promise<void>;
}

const HOST = '127.0.0.1';
const proxies: Proxy[] = [];

afterEachFile(async () => {
  await Promise.all(proxies.splice(0).map((proxy) => proxy.close()));
});

/** In front of `target`, closed after the test file. */
export async function givenProxy(target: { host: string; port: number }): Promise<Proxy> {
  const sockets = new Map<Socket, Socket | undefined>();
  const stranded = new Set<Socket>();
  const flows = { server: newFlow(), client: newFlow() };
  let mode: 'through' | 'drop' | 'blackhole' = 'through';
  const cut = () => {
    for (const [client, upstream] of sockets) {
      client.destroy();
      upstream?.destroy();
    }
  };
  const server = createServer({ allowHalfOpen: true }, (client) => {
    client.on('error', () => {});
    client.once('close', () => {
      sockets.delete(client);
      stranded.delete(client);
    });
    if (mode === 'drop') {
      client.destroy();
      return;
    }
    // While nothing is passed on the server is not connected to: it would only wait for a first message.
    const upstream =
      mode === 'through' ? connect({ host: target.host, port: target.port, allowHalfOpen: true }) : undefined;
    sockets.set(client, upstream);
    if (upstream === undefined) {
      client.resume();
      return;
    }
    upstream.on('error', () => {});
    const isStranded = () => stranded.has(client);
    pass(client, upstream, flows.client, isStranded);
    pass(upstream, client, flows.server, isStranded);
  });
  const setMode = (next: typeof mode) => {
    mode = next;
    for (const flow of Object.values(flows)) flow.isSwallowed = next === 'blackhole';
  };
  const proxy: Proxy = {
    host: HOST,
    port: await listen(server),
    get open() {
      return sockets.size;
    },
    get passed() {
      return { fromServer: flows.server.passed, fromClient: flows.client.passed };
    },
    cut,
    drop() {
      setMode('drop');
      cut();
    },
    blackhole: () => setMode('blackhole'),
    strand() {
      for (const client of sockets.keys()) stranded.add(client);
      setMode('through');
    },
    stall() {
      for (const upstream of sockets.values()) upstream?.pause();
    },
    delay(ms) {
      for (const flow of Object.values(flows)) flow.delayMs = ms;
    },
    cutAfter(bytes, side = 'server') {
      flows[side].budget = bytes;
    },
    heal() {
      if (mode === 'blackhole') cut();
      setMode('through');
      for (const flow of Object.values(flows)) {
        flow.delayMs = 0;
        flow.budget = undefined;
      }
    },
    close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      cut();
      return closed;
    },
  };
  proxies.push(proxy);
  return proxy;
}

const newFlow = (): Flow => ({ isSwallowed: false, delayMs: 0, budget: undefined, passed: 0 });

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: HOST, port: 0 }, () => {
      const address = server.address();
      if (address !== null && typeof address === 'object') resolve(address.port);
    });
  });
}
