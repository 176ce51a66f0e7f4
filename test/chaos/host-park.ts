// The hosts of a chaos test, each a `tributary start` with all that it forks: they are struck, and there again afterwards.

import type { InstalledHosts } from '../support/installation/installed-hosts.ts';
import { Freezer, send } from '../support/processes/freezer.ts';
import { isAlive, stateOf, type TestProcess } from '../support/processes/process.ts';

const SERVING = /serving (http:\S+)\/livez/;

export class HostPark {
  readonly #hosts: InstalledHosts;
  readonly #names: readonly string[];
  readonly #running = new Map<string, TestProcess>();
  readonly #freezer = new Freezer();

  constructor(hosts: InstalledHosts, names: readonly string[]) {
    this.#hosts = hosts;
    this.#names = names;
  }

  /** Those that run and are not frozen, by name. */
  get running(): readonly (readonly [name: string, host: TestProcess])[] {
    return [...this.#running].filter(([, host]) => isAlive(host.pid) && !this.#freezer.has(host));
  }

  /** What each host said last, for whoever has to find out what went wrong. */
  get lastWords(): string {
    return [...this.#running]
      .map(
        ([name, { pid, stderr }]) =>
          `host ${name}, ${pid}, ${isAlive(pid) ? stateOf(pid) : 'dead'}\n${stderr.slice(-30).join('\n')}`,
      )
      .join('\n\n');
  }

  /** Where a host serves how it is; undefined: it is not there. */
  urlOf(name: string): string | undefined {
    const host = this.#running.get(name);
    if (host === undefined || !isAlive(host.pid)) return undefined;
    return host.stderr.map((line) => SERVING.exec(line)?.[1]).find((url) => url !== undefined);
  }

  /** A host that is gone is started again; one that is frozen counts as there. */
  async ensureAll(): Promise<void> {
    for (const name of this.#names) {
      const host = this.#running.get(name);
      if (host === undefined || !isAlive(host.pid))
        this.#running.set(name, await this.#hosts.startHost(name, ['--http', ':0']));
    }
  }

  /** The supervisor alone; what it forked has to end by itself, or to drain. */
  async strike(name: string, signal: NodeJS.Signals): Promise<void> {
    const host = this.#running.get(name);
    host?.kill(signal);
    await host?.exit;
  }

  /** The whole host at once. */
  async cutPower(name: string): Promise<void> {
    const host = this.#running.get(name);
    if (host === undefined) return;
    send(-host.pid, 'SIGKILL');
    await host.exit;
  }

  /** The whole host for so long. */
  freeze(name: string, ms: number): void {
    const host = this.#running.get(name);
    if (host !== undefined) this.#freezer.group(host, ms);
  }

  async thawed(): Promise<void> {
    await this.#freezer.thawed();
  }

  /** @throws where one of them does not end well. */
  async stopAll(): Promise<void> {
    const hosts = [...this.#running.values()];
    for (const host of hosts) host.kill('SIGTERM');
    for (const host of hosts) {
      const { code } = await host.exit;
      if (code !== 0) throw new Error(`A host ended with ${code}:\n${host.stderr.slice(-20).join('\n')}`);
    }
  }
}
