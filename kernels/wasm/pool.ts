/**
 * Workers and the queue that they share: each leaf goes to a worker that is free, so that no core
 * waits for another.
 *
 * A worker has up to two leaves, one at work and one waiting, so that it never waits for an answer
 * from here. Workers start with the first leaf, stay for the next ones, and keep their tables.
 */
import type { LeafJob, LeafOutcome } from './kernel.ts'
import type { FromWorker, ToWorker } from './worker.ts'

/** What the pool needs of the platform: open.ts has Bun's, a browser's page gives its own. */
export interface Platform {
  /** A worker that runs worker.ts. */
  spawn(): Worker
  /** The compiled kernel. */
  module(): Promise<WebAssembly.Module>
}

/** A worker died, or a known answer came out wrong. The engine takes no work from then on. */
export class WorkerError extends Error {
  override readonly name = 'WorkerError'
}

interface Task {
  readonly id: number
  readonly job: LeafJob
  readonly resolve: (outcome: LeafOutcome) => void
  readonly reject: (error: unknown) => void
}

interface Member {
  readonly worker: Worker
  readonly tasks: Map<number, Task>
  ready: boolean
}

/** Leaves that a worker has at once. */
const DEPTH = 2

export class Pool {
  readonly #platform: Platform
  readonly #count: number
  readonly #members: Member[] = []
  readonly #queue: Task[] = []
  #started = false
  #failure: Error | undefined
  #nextId = 0
  readonly #ready = Promise.withResolvers<void>()

  constructor(platform: Platform, count: number) {
    this.#platform = platform
    this.#count = count
    // run() reports a failure that comes before ready() is called.
    this.#ready.promise.catch(() => {})
  }

  /** Starts the workers; resolves when all are ready. @throws {WorkerError} */
  ready(): Promise<void> {
    this.#start()
    return this.#ready.promise
  }

  /**
   * Computes one leaf.
   *
   * @param first whether it goes before all others that wait
   * @throws {DOMException} AbortError when the signal fires: the leaf is taken back
   * @throws {WorkerError}
   */
  run(job: LeafJob, options: { signal?: AbortSignal | undefined; first?: boolean } = {}): Promise<LeafOutcome> {
    const { signal, first } = options
    if (this.#failure) return Promise.reject(this.#failure)
    if (signal?.aborted) return Promise.reject(signal.reason)
    this.#start()
    return new Promise((resolve, reject) => {
      const id = this.#nextId++
      const onAbort = () => {
        this.#cancel(id)
        reject(signal!.reason)
      }
      const stopListening = () => signal?.removeEventListener('abort', onAbort)
      const task: Task = {
        id,
        job,
        resolve: (outcome) => {
          stopListening()
          resolve(outcome)
        },
        reject: (error) => {
          stopListening()
          reject(error)
        },
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      if (first) this.#queue.unshift(task)
      else this.#queue.push(task)
      this.#assign()
    })
  }

  /** Ends the workers; what was under way fails. */
  close(): void {
    this.#fail(new WorkerError('The engine is closed'))
  }

  #start(): void {
    if (this.#started) return
    this.#started = true
    this.#platform
      .module()
      .then((module) => {
        if (this.#failure) return
        for (let i = 0; i < this.#count; i++) this.#members.push(this.#recruit(module))
      })
      .catch((error) => this.#fail(new WorkerError(`The wasm engine cannot start: ${error?.message ?? error}`)))
  }

  #recruit(module: WebAssembly.Module): Member {
    const worker = this.#platform.spawn()
    const member: Member = { worker, tasks: new Map(), ready: false }
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#receive(member, data)
    worker.onerror = (event) => {
      event.preventDefault?.()
      this.#fail(new WorkerError(`A worker of the wasm engine died: ${event.message}`))
    }
    post(worker, { type: 'start', module })
    return member
  }

  #receive(member: Member, message: FromWorker): void {
    switch (message.type) {
      case 'ready':
        member.ready = true
        if (this.#members.length === this.#count && this.#members.every(({ ready }) => ready)) this.#ready.resolve()
        break
      case 'done':
        member.tasks.get(message.id)?.resolve(message.outcome)
        member.tasks.delete(message.id)
        break
      case 'cancelled':
        member.tasks.delete(message.id)
        break
      case 'failed':
        this.#fail(new WorkerError(message.message))
        return
    }
    this.#assign()
  }

  /** Gives waiting leaves to the workers that have the fewest. */
  #assign(): void {
    for (let load = 0; load < DEPTH; load++) {
      for (const member of this.#members) {
        if (!member.ready || member.tasks.size !== load) continue
        const task = this.#queue.shift()
        if (!task) return
        member.tasks.set(task.id, task)
        post(member.worker, { type: 'leaf', id: task.id, job: task.job })
      }
    }
  }

  #cancel(id: number): void {
    const index = this.#queue.findIndex((task) => task.id === id)
    if (index >= 0) this.#queue.splice(index, 1)
    for (const { worker, tasks } of this.#members) if (tasks.has(id)) post(worker, { type: 'cancel', id })
  }

  #fail(error: Error): void {
    if (this.#failure) return
    this.#failure = error
    this.#ready.reject(error)
    for (const { worker, tasks } of this.#members) {
      worker.terminate()
      for (const task of tasks.values()) task.reject(error)
      tasks.clear()
    }
    for (const task of this.#queue.splice(0)) task.reject(error)
  }
}

function post(worker: Worker, message: ToWorker): void {
  worker.postMessage(message)
}
