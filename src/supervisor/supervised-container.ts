/** One container under supervision: what it is doing, and what can be done to it. */
import { setTimeout as delay } from 'node:timers/promises';
import { isErrno, KnownError } from '../../store/errors.js';
import { killProcesses, removeCgroups } from '../containers/cgroup-folders.js';
import { containerFiles } from '../containers/container-files.js';
import {
  type ContainerHealth,
  type ContainerRecord,
  type RestartPolicy,
  writeRecord,
} from '../containers/container-record.js';
import type { WindowSize } from '../containers/control/protocol.js';
import { recordEvent } from '../containers/events/journal.js';
import { ownStopSignal, sendSignal } from '../containers/signals.js';
import { containerLimits } from '../run/cgroup/limits.js';
import { wasOutOfMemory } from '../run/cgroup/memory-events.js';
import { updateLimits } from '../run/cgroup/update-limits.js';
import { joinedBy } from '../run/join/joined-by.js';
import type { ImageRunConfig, RunOptions } from '../run/run-options.js';
import { healthCheck } from '../run/spec/health.js';
import { hostFacts } from '../run/spec/host-facts.js';
import { type AttachableStreams, type OutputSink, pipeStreams, ptyStreams } from '../run/start/attachable-streams.js';
import { openGuard } from '../run/start/guard.js';
import type { Stage2Process } from '../run/start/stage2-process.js';
import { makeCgroup, runInLayers, specOf } from '../run/start-container.js';
import { setFrozen } from './freeze.js';
import { monitorHealth } from './health-monitor.js';
import { openJsonLog, timestamp } from './json-log.js';
import { createRestarts } from './restart-policy.js';

const SIGKILL = 9;
/** Docker's status for a container that could not be started. */
const FAILED = 125;

export class SupervisedContainer {
  readonly root: string;
  readonly record: ContainerRecord;
  readonly options: RunOptions;
  readonly #output: OutputSink;
  streams: AttachableStreams | undefined;
  #process: Stage2Process | undefined;
  /** Interrupts the wait before a restart. */
  #wake = new AbortController();
  /** Somebody ends it: this run is the last one, whatever the policy. */
  #isEnding = false;
  #size: WindowSize | undefined;

  /** @param output is told everything that the container writes, besides the log */
  constructor(root: string, record: ContainerRecord, output: OutputSink) {
    this.root = root;
    this.record = record;
    this.options = (record.request?.options ?? {}) as RunOptions;
    this.#output = output;
  }

  /**
   * Starts it, and starts it again as its policy says, until it has ended for good.
   *
   * @param onStarted once its first process executes the command
   * @throws KnownError when the first start fails
   */
  async run(onStarted: () => void): Promise<number> {
    const restarts = createRestarts(() => this.policy);
    this.#isEnding = false;
    this.#change({ stopped: false, restartCount: 0 });
    for (;;) {
      const began = performance.now();
      const exitCode = await this.#runOnce(onStarted, restarts.count > 0);
      const waitMs = restarts.after({
        exitCode,
        ranMs: performance.now() - began,
        stopped: this.#isEnding,
      });
      if (waitMs === undefined) return exitCode;
      this.#change({ state: 'restarting', restartCount: restarts.count });
      this.#wake = new AbortController();
      await delay(waitMs, undefined, { signal: this.#wake.signal }).catch(rethrowUnlessAborted);
      if (this.#isEnding) {
        this.#change({ state: 'exited' });
        return exitCode;
      }
    }
  }

  get policy(): RestartPolicy {
    return this.record.restart ?? { name: 'no', maximum: 0 };
  }

  async #runOnce(onStarted: () => void, isRestart: boolean): Promise<number> {
    const { record, options } = this;
    const log =
      options.logDriver === 'none' ? undefined : openJsonLog(containerFiles(this.root, record.id).log, options);
    const sink: OutputSink = (stream, chunk) => {
      log?.write(stream, chunk);
      return this.#output(stream, chunk);
    };
    try {
      const exitCode = await this.#runInLayers(sink, onStarted);
      this.#recordEnd({ exitCode, oomKilled: wasOutOfMemory(record.cgroups) });
      return exitCode;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const exitCode = error instanceof KnownError ? (error.exitCode ?? FAILED) : FAILED;
      this.#recordEnd({ exitCode, oomKilled: false, error: error.message });
      // A start by the policy has nobody to be told of its failure.
      if (!isRestart) {
        this.#change({ state: 'created' });
        throw error;
      }
      return exitCode;
    } finally {
      log?.finish();
      log?.close();
    }
  }

  async #runInLayers(sink: OutputSink, onStarted: () => void): Promise<number> {
    const { root, record, options } = this;
    using joined = await joinedBy(root, options);
    const spec = specOf(record, joined);
    const cgroup = makeCgroup(root, spec, record);
    const own = spec.tty ? ptyStreams(sink, this.#size) : pipeStreams(spec.interactive, sink);
    const finished = (): Promise<void> => {
      // In the pid namespace of another container or of the host they would go on, and hold the outputs.
      for (const folder of record.cgroups) killProcesses(folder);
      return own.finished();
    };
    const streams = { ...own, finished };
    const guard = openGuard();
    let stopChecks: (() => void) | undefined;
    try {
      const hooks = {
        streams,
        guards: [guard.fd],
        forwardsSignals: false,
        started: (process: Stage2Process): void => {
          this.streams = streams;
          void guard.released().then(() => {
            // It executes the command, or it has failed.
            if (process.failure() !== undefined) return;
            this.#process = process;
            this.#change({ state: 'running', pid: process.pid() ?? 0, started: timestamp(), error: undefined });
            this.#event('start');
            onStarted();
            stopChecks = this.#startChecks();
          });
        },
        ended: () => undefined,
      };
      return await runInLayers({ root, record, spec, cgroup, joined, runtime: undefined, hooks });
    } finally {
      stopChecks?.();
      this.streams = undefined;
      this.#process = undefined;
      streams.close();
      await guard.released();
    }
  }

  #startChecks(): (() => void) | undefined {
    const check = healthCheck((this.record.request?.config ?? {}) as ImageRunConfig, this.options);
    if (check === undefined) return undefined;
    const onHealth = (health: ContainerHealth): void => {
      const before = this.record.health?.status;
      try {
        this.#change({ health });
      } catch (error) {
        // A full disk is no reason to end; the next result is written again.
        if (!isErrno(error, 'ENOSPC', 'EDQUOT')) throw error;
      }
      if (health.status !== before && health.status !== 'starting') this.#event(`health_status: ${health.status}`);
    };
    return monitorHealth({ root: this.root, record: () => this.record, check, onHealth });
  }

  #recordEnd(end: { exitCode: number; oomKilled: boolean; error?: string }): void {
    removeCgroups(this.record.cgroups);
    this.#change({ ...end, state: 'exited', finished: timestamp(), cgroups: [], pid: undefined });
    if (end.oomKilled) this.#event('oom');
    this.#event('die', { exitCode: String(end.exitCode) });
  }

  /**
   * As with Docker, whatever ends because of it is not started again by a policy. Only one that has a stop signal of its own is meant to
   * live on after others.
   *
   * @throws KnownError when it is not running
   */
  kill(signal: number): void {
    const { pid } = this.#running(`Cannot kill container: ${this.record.name}`);
    this.#change({ stopped: true });
    const isTheEnd = signal === SIGKILL || [undefined, signal].includes(ownStopSignal(this.record));
    if (isTheEnd) this.#isEnding = true;
    sendSignal(pid, signal);
    this.#event('kill', { signal: String(signal) });
    if (isTheEnd && this.record.state === 'paused') this.unpause();
  }

  /** What a terminal of its own shows, in this run and the next ones. */
  resize(size: WindowSize): void {
    this.#size = size;
    if (!this.options.tty || this.streams === undefined) return;
    this.streams.resize(size);
    this.#event('resize', { height: String(size.rows), width: String(size.columns) });
  }

  /** Somebody has joined its streams, or let go of them. */
  note(action: 'attach' | 'detach'): void {
    this.#event(action);
  }

  pause(): void {
    this.#running('Cannot pause');
    if (this.record.state === 'paused') throw conflict(`Container ${this.record.id} is already paused`);
    setFrozen(this.record.cgroups, true);
    this.#change({ state: 'paused' });
    this.#event('pause');
  }

  unpause(): void {
    if (this.record.state !== 'paused') throw conflict(`Container ${this.record.id} is not paused`);
    setFrozen(this.record.cgroups, false);
    this.#change({ state: 'running' });
    this.#event('unpause');
  }

  /**
   * Ends it, if need be by force; the caller waits for {@link run}.
   *
   * @param forGood no policy starts it from now on; else it is as if the machine were turned off
   */
  async stop(
    { signal, timeoutMs, forGood }: { signal: number; timeoutMs: number; forGood: boolean },
    ended: Promise<unknown>,
  ): Promise<void> {
    this.#isEnding = true;
    if (forGood) this.#change({ stopped: true });
    this.#wake.abort();
    const { pid } = this.record;
    if (this.#process === undefined || pid === undefined) return;
    sendSignal(pid, signal);
    this.#event('kill', { signal: String(signal) });
    if (this.record.state === 'paused') this.unpause();
    void ended.then(() => this.#event('stop'));
    if (timeoutMs < 0) return;
    const hasEnded = await Promise.race([ended.then(() => true), delay(timeoutMs, false, { ref: false })]);
    if (hasEnded) return;
    this.killAll();
    this.#event('kill', { signal: '9' });
  }

  /** SIGKILL for everything in it, frozen or not. */
  killAll(): void {
    this.#process?.kill();
    for (const folder of this.record.cgroups) killProcesses(folder);
    if (this.record.state === 'paused') this.unpause();
  }

  setName(name: string): void {
    const { name: oldName } = this.record;
    this.#change({ name });
    this.#event('rename', { oldName: `/${oldName}` });
  }

  /** Other limits, and another policy. @throws KnownError when the kernel refuses a limit; then nothing is changed */
  update(options: Partial<RunOptions>, restart: RestartPolicy | undefined): void {
    const { request } = this.record;
    if (request === undefined) return;
    const all = { ...this.options, ...options };
    if (Object.keys(options).length > 0 && this.#process !== undefined)
      updateLimits(this.record.cgroups, containerLimits(all, hostFacts()));
    Object.assign(this.options, options);
    this.#change({ request: { ...request, options: this.options }, ...(restart && { restart }) });
  }

  #event(action: string, more?: Record<string, string>): void {
    recordEvent(this.root, this.record, action, more);
  }

  #running(what: string): { pid: number } {
    const { pid } = this.record;
    if (this.#process !== undefined && pid !== undefined) return { pid };
    throw conflict(`${what}: Container ${this.record.id} is not running`);
  }

  #change(change: { [Key in keyof ContainerRecord]?: ContainerRecord[Key] | undefined }): void {
    Object.assign(this.record, change);
    writeRecord(this.root, this.record);
  }
}

function conflict(message: string): KnownError {
  return new KnownError('E_CONFLICT', message);
}

function rethrowUnlessAborted(error: unknown): void {
  if (!(error instanceof Error && error.name === 'AbortError')) throw error;
}
