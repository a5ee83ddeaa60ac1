/**
 * `collatz work`: a node that computes the units it is dealt, with its progress.
 *
 * Separate from the worker itself (orbit/node/work), which prints nothing and knows no engine by
 * name.
 */

import { defineCommand } from 'citty'
import { classes } from '../../kernels/partition.ts'
import { type Home, homeDirectory, openHome } from '../../orbit/node/home/home.ts'
import type { Service } from '../../orbit/node/service.ts'
import { work as workOn } from '../../orbit/node/work/worker.ts'
import { publicKeyOf } from '../../orbit/rules/base/statement.ts'
import { allowanceFor } from '../../orbit/rules/membership/allowance.ts'
import { frontierSentence } from '../../orbit/rules/state/frontier.ts'
import { unitsCertified } from '../../orbit/rules/state/windows.ts'
import { type Meter, noBeacon, type RunningNode, startNode, WAIT_NOTICE_MS } from '../network/running-node.ts'
import { interruptible, shared, wholeNumber } from '../shell/command.ts'
import { type Bar, durationText, note, progressBar, rateText } from '../shell/print.ts'
import { type EngineOptions, engineArgs, engineOptions, openShown } from './engines.ts'

/**
 * Units a node is ready to owe at a time: two small windows, or a good part of a day of a large
 * one.
 */
const CAPACITY = 32
/** The most that a heartbeat can offer (bodies.ts). */
const LARGEST_CAPACITY = 4096

export const workArgs = {
  units: { type: 'string', description: 'stop after so many units (default: until Ctrl-C)', valueHint: 'K' },
  capacity: {
    type: 'string',
    description: 'units to be dealt at a time (default: 32, or what lasts for an epoch and a half)',
    valueHint: 'K',
  },
  ...engineArgs,
  listen: { type: 'string', description: 'multiaddrs to listen on, separated by commas', valueHint: 'ADDRS' },
  data: shared.data,
} as const

export const work = defineCommand({
  meta: { name: 'work', description: 'verify the units that the draws assign to you, until Ctrl-C' },
  args: workArgs,
  async run({ args }) {
    const units = args.units === undefined ? undefined : wholeNumber('--units', args.units, 1, 1_000_000)
    const capacity =
      args.capacity === undefined ? undefined : wholeNumber('--capacity', args.capacity, 1, LARGEST_CAPACITY)
    await runWork({
      ...(capacity === undefined ? {} : { capacity }),
      data: args.data,
      units,
      engine: engineOptions(args),
      listen: args.listen?.split(',').filter(Boolean),
    })
  },
})

export interface RunWork {
  readonly data?: string | undefined
  readonly units?: number | undefined
  readonly capacity?: number
  readonly engine: EngineOptions
  readonly listen?: readonly string[] | undefined
}

export async function runWork({ data, units, capacity: fixed, engine: wanted, listen }: RunWork): Promise<void> {
  const capacity = fixed ?? CAPACITY
  const home = openHome(homeDirectory(data))
  const signal = interruptible()
  const engine = await openShown(wanted, home.genesis.partition)
  try {
    const node = await startNode({
      home,
      capacity: Math.min(units ?? capacity, capacity),
      engines: [engine.name],
      ...(listen ? { listen } : {}),
    })
    const stopShowing = showProgress(node)
    if (fixed === undefined && units === undefined) keepBusy(node, home)
    let done = 0
    try {
      done = await workOn(node.service, engine, { signal, ...(units === undefined ? {} : { units }) })
      await node.service.idle()
    } finally {
      stopShowing()
      if (signal.aborted) note('Stopping: what is done is kept.')
      await node.stop()
    }
    console.log(`${done} ${done === 1 ? 'unit' : 'units'} done.`)
    if (signal.aborted)
      console.log(`Go on with: collatz work${data ? ` --data ${data}` : ''} (it resumes from the last checkpoint)`)
  } finally {
    await engine.close()
  }
}

/**
 * Draws come once an epoch: a node that computes more than it offers to be dealt at a time offers
 * more.
 */
function keepBusy({ service, meter }: RunningNode, home: Home): void {
  const { chain, body } = service.genesis
  const epochMs = body.epoch.rounds * chain.period * 1000
  let offered = CAPACITY
  let hasExplained = false
  service.events.on('finished', () => {
    const wanted = Math.min(LARGEST_CAPACITY, Math.ceil((1.5 * epochMs * meter.units) / meter.milliseconds))
    // By halves, so that heartbeats do not follow every change of the machine's pace; and a node
    // that has declined wants no more.
    if (wanted < 1.5 * offered || service.capacity === 0) return
    offered = wanted
    service.setCapacity(wanted)
    const account = publicKeyOf(home.accountKey)
    const best = service.state().accounts.find((known) => known.account === account)?.best ?? 0
    const allowance = Math.max(service.genesis.body.allowance.newcomer, allowanceFor(best))
    if (hasExplained || wanted <= allowance) return
    hasExplained = true
    note(
      `This machine can do some ${wanted} units an epoch. Your account is dealt ${allowance} for now: that doubles with each epoch in which it does them.`,
    )
  })
}

/**
 * Says what is waited for, when nothing has been dealt for a while.
 * @returns a function that stops it
 */
function sayWaiting(service: Service): () => void {
  const timer = setTimeout(() => {
    const n = service.genesis.body.replication
    note(
      service.round() === null
        ? noBeacon(service)
        : `Waiting to be dealt units: the next draw needs ${n} registered ${n === 1 ? 'account' : 'accounts'} and a coordinator that is online.`,
    )
  }, WAIT_NOTICE_MS)
  return () => clearTimeout(timer)
}

/** A bar for the window that is worked on. */
class WindowBar {
  private readonly service: Service
  private readonly meter: Meter
  private readonly units: number
  private bar: Bar | null = null
  private window: bigint | null = null
  /** Units of a window that were computed here: they are certified when others have them too. */
  private readonly computed = new Map<bigint, Set<number>>()

  constructor({ service, meter }: RunningNode) {
    this.service = service
    this.meter = meter
    this.units = classes(service.genesis.partition).length
  }

  /** @param fraction done of the unit, 0 to 1 */
  update(window: bigint, unit: number, fraction: number): void {
    if (this.window !== window) {
      this.hide()
      this.bar = progressBar(`window ${window}`)
      this.window = window
    }
    const known = this.service.state().windows.get(window)
    const certified = known ? unitsCertified(known) : 0
    const waiting = known?.complete
      ? []
      : [...(this.computed.get(window) ?? [])].filter((index) => !known?.certified.has(index))
    const rate = this.meter.rate()
    const done = Math.min(this.units, certified + waiting.length + fraction)
    const rateNote = rate === null ? '' : ` · ${rateText(rate)}`
    this.bar?.update(done / this.units, `unit ${unit}, ${certified}/${this.units} certified${rateNote}`)
  }

  finish(window: bigint, unit: number): void {
    this.computed.set(window, (this.computed.get(window) ?? new Set()).add(unit))
    this.update(window, unit, 0)
  }

  /** Takes it from the screen, so that lines can be printed; it comes back with the next update. */
  hide(): void {
    this.bar?.stop()
    this.bar = null
    this.window = null
  }

  forget(window: bigint): void {
    this.hide()
    this.computed.delete(window)
  }
}

/**
 * Progress of the window on stderr, certificates and the frontier on stdout.
 * @returns a function that stops it
 */
function showProgress(node: RunningNode): () => void {
  const { service, meter } = node
  const bar = new WindowBar(node)
  const stopWaiting = sayWaiting(service)
  let printed = ''
  const listeners = [
    service.events.on('started', ({ assignment: { window, unit }, resumed }) => {
      stopWaiting()
      if (resumed > 0) {
        bar.hide()
        note(`Resuming unit ${unit} of window ${window} from its checkpoint (${resumed} leaves known).`)
      }
      bar.update(window, unit, 0)
    }),
    service.events.on('progress', ({ assignment: { window, unit }, fraction }) => bar.update(window, unit, fraction)),
    service.events.on('finished', ({ assignment: { window, unit } }) => bar.finish(window, unit)),
    service.events.on('certificate', ({ window, file }) => {
      bar.forget(window)
      console.log(`Window ${window} is certified: ${file}`)
      const sentence = frontierSentence(service.genesis, service.state().frontier)
      if (sentence === printed) return
      printed = sentence
      console.log(sentence)
      const rate = meter.rate()
      if (rate !== null) note(`(${rateText(rate)}, ${durationText(meter.milliseconds)} of computing)`)
    }),
    service.events.on('notice', ({ text }) => note(text)),
  ]
  return () => {
    stopWaiting()
    bar.hide()
    for (const stopListening of listeners) stopListening()
  }
}
