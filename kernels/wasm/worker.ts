/**
 * A worker: computes leaves with one kernel, in the order in which they come.
 *
 * It is a plain web worker, without any API of one runtime: the compiled module comes in the first
 * message. It stops now and then to read its messages, so that an abort takes a quarter of a second
 * instead of a leaf.
 */
import { Kernel, type LeafJob, type LeafOutcome } from './kernel.ts'
import { checkKnownAnswers } from './known-answers.ts'

export type ToWorker =
  | { readonly type: 'start'; readonly module: WebAssembly.Module }
  | { readonly type: 'leaf'; readonly id: number; readonly job: LeafJob }
  | { readonly type: 'cancel'; readonly id: number }

export type FromWorker =
  | { readonly type: 'ready' }
  | { readonly type: 'done'; readonly id: number; readonly outcome: LeafOutcome }
  | { readonly type: 'cancelled'; readonly id: number }
  | { readonly type: 'failed'; readonly message: string }

/** Milliseconds of work between two looks at the messages. */
const PAUSE = 200

const scope = globalThis as unknown as {
  postMessage(message: FromWorker): void
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null
}

let kernel: Kernel | undefined
const waiting: { id: number; job: LeafJob }[] = []
const cancelled = new Set<number>()
let busy = false

async function work(): Promise<void> {
  if (busy) return
  busy = true
  let lastPause = performance.now()
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const { id, job } = next
    const isWanted = () => !cancelled.has(id)
    if (isWanted()) kernel!.start(job)
    let unfinished = isWanted()
    while (unfinished) {
      unfinished = kernel!.advance(256)
      if (performance.now() - lastPause > PAUSE) {
        await new Promise((resolve) => setTimeout(resolve, 0))
        lastPause = performance.now()
        if (!isWanted()) break
      }
    }
    scope.postMessage(
      cancelled.delete(id) ? { type: 'cancelled', id } : { type: 'done', id, outcome: kernel!.outcome() },
    )
  }
  busy = false
}

const fail = (error: unknown) =>
  scope.postMessage({ type: 'failed', message: error instanceof Error ? error.message : String(error) })

scope.onmessage = ({ data }) => {
  try {
    switch (data.type) {
      case 'start':
        kernel = new Kernel(data.module)
        checkKnownAnswers(kernel)
        scope.postMessage({ type: 'ready' })
        return
      case 'leaf':
        waiting.push(data)
        work().catch(fail)
        return
      case 'cancel':
        cancelled.add(data.id)
    }
  } catch (error) {
    fail(error)
  }
}
