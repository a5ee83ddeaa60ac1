import { defineCommand } from 'citty'
import { classes } from '../../kernels/partition.ts'
import { type Home, homeDirectory, openHome } from '../../orbit/node/home/home.ts'
import type { Service } from '../../orbit/node/service.ts'
import { work as workOn } from '../../orbit/node/work/worker.ts'
import { publicKeyOf } from '../../orbit/rules/base/statement.ts'
import { allowanceFor } from '../../orbit/rules/membership/allowance.ts'
import { frontierSentence } from '../../orbit/rules/state/frontier.ts'
import { unitsCertified } from '../../orbit/rules/state/windows.ts'
import { noBeacon, startNode, WAIT_NOTICE_MS } from '../network/running.ts'
import { interruptible, shared, wholeNumber } from '../shell/command.ts'
import { type Bar, durationText, note, progressBar, rateText } from '../shell/print.ts'
import { type EngineOptions, engineArgs, engineOptions, openShown } from './engines.ts'

/** Units a node is ready to owe at a time: two small windows, or a good part of a day of a large one. */
const CAPACITY = 32
/** The most that a heartbeat can offer (events.ts). */
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
    const stopShowing = show(node.service)
    if (fixed === undefined && units === undefined) keepBusy(node.service, home)
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

/** Draws come once an epoch: whoever computes more than he offers to be dealt at a time offers more. */
function keepBusy(service: Service, home: Home): void {
  const { chain, body } = service.genesis
  let said = false
  const epoch = body.epoch.rounds * chain.period * 1000
  let offered = CAPACITY
  let units = 0
  let milliseconds = 0
  service.events.on('finished', (event) => {
    units += event.share
    milliseconds += event.milliseconds
    const wanted = Math.min(LARGEST_CAPACITY, Math.ceil((1.5 * epoch * units) / milliseconds))
    // By halves, so that heartbeats do not follow every breath of the machine.
    // Who has declined wants no more.
    if (wanted < 1.5 * offered || service.capacity === 0) return
    offered = wanted
    service.setCapacity(wanted)
    const account = publicKeyOf(home.accountKey)
    const best = service.state().accounts.find((known) => known.account === account)?.best ?? 0
    const allowance = Math.max(service.genesis.body.allowance.newcomer, allowanceFor(best))
    if (said || wanted <= allowance) return
    said = true
    note(
      `This machine can do some ${wanted} units an epoch. Your account is dealt ${allowance} for now: that doubles with each epoch in which it does them.`,
    )
  })
}

/** Progress of the window on stderr, certificates and the frontier on stdout. */
function show(service: Service): () => void {
  const { partition } = service.genesis
  const unitsTotal = classes(partition).length
  const numbersPerUnit = 2 ** partition.bits / unitsTotal
  let bar: Bar | null = null
  let barWindow: bigint | null = null
  let numbers = 0
  let milliseconds = 0
  /** Units of a window that were computed here: they are certified when others have them too. */
  const own = new Map<bigint, Set<number>>()
  let said = ''
  const close = () => {
    bar?.stop()
    bar = null
    barWindow = null
  }
  const waiting = setTimeout(() => {
    const round = service.round()
    const n = service.genesis.body.replication
    note(
      round === null
        ? noBeacon(service)
        : `Waiting to be dealt units: the next draw needs ${n} registered ${n === 1 ? 'account' : 'accounts'} and a coordinator that is online.`,
    )
  }, WAIT_NOTICE_MS)

  const update = (window: bigint, unit: number, fraction: number) => {
    if (barWindow !== window) {
      close()
      bar = progressBar(`window ${window}`)
      barWindow = window
    }
    const known = service.state().windows.get(window)
    const certified = known ? unitsCertified(known) : 0
    const ahead = known?.complete ? [] : [...(own.get(window) ?? [])].filter((index) => !known?.certified.has(index))
    const rate = milliseconds > 0 ? ` · ${rateText((numbers * 1000) / milliseconds)}` : ''
    const done = Math.min(unitsTotal, certified + ahead.length + fraction)
    bar?.update(done / unitsTotal, `unit ${unit}, ${certified}/${unitsTotal} certified${rate}`)
  }
  const offs = [
    service.events.on('started', ({ assignment, resumed }) => {
      clearTimeout(waiting)
      if (resumed > 0) {
        close()
        note(
          `Resuming unit ${assignment.unit} of window ${assignment.window} from its checkpoint (${resumed} leaves known).`,
        )
      }
      update(assignment.window, assignment.unit, 0)
    }),
    service.events.on('progress', ({ assignment, fraction }) => update(assignment.window, assignment.unit, fraction)),
    service.events.on('finished', (event) => {
      const { window, unit } = event.assignment
      own.set(window, (own.get(window) ?? new Set()).add(unit))
      numbers += event.share * numbersPerUnit
      milliseconds += event.milliseconds
      update(event.assignment.window, event.assignment.unit, 0)
    }),
    service.events.on('certificate', ({ window, file }) => {
      close()
      own.delete(window)
      const { frontier } = service.state()
      const sentence = frontierSentence(service.genesis, frontier)
      console.log(`Window ${window} is certified: ${file}`)
      if (sentence === said) return
      said = sentence
      console.log(sentence)
      if (milliseconds > 0)
        note(`(${rateText((numbers * 1000) / milliseconds)}, ${durationText(milliseconds)} of computing)`)
    }),
    service.events.on('notice', ({ text }) => note(text)),
  ]
  return () => {
    clearTimeout(waiting)
    close()
    for (const off of offs) off()
  }
}
