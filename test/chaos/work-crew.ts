// The hosts of workers in a chaos test: some run, some are frozen for a while with all their workers.
import { Freezer } from '../support/processes/freezer.ts';
import { isAlive, stateOf, type TestProcess } from '../support/processes/process.ts';
import type { WorkerHosts } from '../support/workers/worker-host.ts';

const SERVING = /serving (http:\S+)\/livez/;

export class WorkCrew {
  readonly #hosts: WorkerHosts;
  readonly #freezer = new Freezer();
  #members: TestProcess[] = [];
  /** Those that were told to stop: their workers finish what they have. */
  #leaving: TestProcess[] = [];
  #started = 0;

  constructor(hosts: WorkerHosts) {
    this.#hosts = hosts;
  }

  /** Those that nobody has killed or frozen. */
  get running(): readonly TestProcess[] {
    return this.#members.filter((member) => !this.#freezer.has(member));
  }

  /** Those that say where they serve, with the address. */
  get serving(): readonly { readonly name: string; readonly url: string }[] {
    return this.running.flatMap(({ pid, stderr }) => {
      const url = stderr.map((line) => SERVING.exec(line)?.[1]).find((found) => found !== undefined);
      return url === undefined || !isAlive(pid) ? [] : [{ name: `host ${pid}`, url }];
    });
  }

  /** Process ids of their workers. */
  get workers(): readonly number[] {
    return this.running.flatMap((host) => [...this.#hosts.workersOf(host).values()]);
  }

  /** Whether a worker is there, also one that is about to end in order. */
  get hasWorker(): boolean {
    const leaving = this.#leaving.filter(({ pid }) => isAlive(pid));
    return this.workers.length > 0 || leaving.some((host) => this.#hosts.workersOf(host).size > 0);
  }

  /** What each host said last, for whoever has to find out what went wrong. */
  get lastWords(): string {
    return this.#members
      .map(
        ({ pid, stderr }) =>
          `host ${pid} ${isAlive(pid) ? stateOf(pid) : 'dead'}\n${stderr.slice(-40).join('\n')}`,
      )
      .join('\n\n');
  }

  async start(): Promise<void> {
    this.#started += 1;
    this.#members.push(await this.#hosts.startHost(`h${this.#started}`, '--http', ':0'));
  }

  /** It is forgotten; its workers have to end by themselves. */
  leave(host: TestProcess, signal: NodeJS.Signals): void {
    this.#members = this.#members.filter((member) => member !== host);
    if (signal === 'SIGTERM') this.#leaving.push(host);
    host.kill(signal);
  }

  /** One process alone for so long. */
  freezeWorker(pid: number, ms: number): void {
    this.#freezer.one(pid, ms);
  }

  /** A host with all its workers for so long. */
  freezeHost(host: TestProcess, ms: number): void {
    this.#freezer.group(host, ms);
  }

  /** Waits until nobody is frozen any more. @throws where a host has ended that nobody told to. */
  async thawed(): Promise<void> {
    await this.#freezer.thawed();
    const gone = this.#members.find(({ pid }) => !isAlive(pid));
    if (gone !== undefined) throw new Error(`A host ended by itself:\n${gone.stderr.slice(-20).join('\n')}`);
  }
}
