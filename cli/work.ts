import { defineCommand } from 'citty'
import { classes } from '../kernels/partition.ts'
import { homeDirectory, openHome } from '../orbit/node/home.ts'
import type { Service } from '../orbit/node/service.ts'
import { work as workOn } from '../orbit/node/worker.ts'
import { frontierSentence } from '../orbit/rules/frontier.ts'
import { unitsCertified } from '../orbit/rules/state.ts'
import { interruptible, shared, wholeNumber } from './command.ts'
import { type EngineOptions, engineArgs, engineOptions, openEngine } from './engines.ts'
import { type Bar, durationText, progressBar, rateText } from './print.ts'
import { startNode } from './running.ts'

/** Units a node is ready to owe at a time: two small windows, or a good part of a day of a large one. */
const CAPACITY = 32
/** After this long without a unit, say what is being waited for. */
const WAIT_NOTICE_MS = 20_000

export const workArgs = {
  units: { type: 'string', description: 'stop after so many units (default: until Ctrl-C)', valueHint: 'K' },
  capacity: { type: 'string', description: 'units to be dealt at a time (default 32)', valueHint: 'K' },
  ...engineArgs,
  listen: { type: 'string', description: 'multiaddrs to listen on, separated by commas', valueHint: 'ADDRS' },
  data: shared.data,
} as const

export const work = defineCommand({
  meta: { name: 'work', description: 'verify the units that the draws assign to you, until Ctrl-C' },
  args: workArgs,
  async run({ args }) {
    const units = args.units === undefined ? undefined : wholeNumber('--units', args.units, 1, 1_000_000)
    const capacity = args.capacity === undefined ? CAPACITY : wholeNumber('--capacity', args.capacity, 1, 4096)
    await runWork({
      capacity,
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

export async function runWork({ data, units, capacity = CAPACITY, engine: wanted, listen }: RunWork): Promise<void> {
  const home = openHome(homeDirectory(data))
  const signal = interruptible()
  const engine = await openEngine(wanted, home.genesis.partition, (line) => console.error(line))
  try {
    const node = await startNode({
      home,
      capacity: Math.min(units ?? capacity, capacity),
      engines: [engine.name],
      ...(listen ? { listen } : {}),
    })
    const stopShowing = show(node.service)
    let done = 0
    try {
      done = await workOn(node.service, engine, { signal, ...(units === undefined ? {} : { units }) })
      await node.service.settled()
    } finally {
      stopShowing()
      if (signal.aborted) console.error('Stopping: what is done is kept.')
      await node.stop()
    }
    console.log(`${done} ${done === 1 ? 'unit' : 'units'} done.`)
    if (signal.aborted)
      console.log(`Go on with: collatz work${data ? ` --data ${data}` : ''} (it resumes from the last checkpoint)`)
  } finally {
    await engine.close()
  }
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
  const close = () => {
    bar?.stop()
    bar = null
    barWindow = null
  }
  const waiting = setTimeout(() => {
    const round = service.round()
    const n = service.genesis.body.replication
    console.error(
      round === null
        ? 'Waiting for the beacon: no round has come yet. Is this machine online?'
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
    const rate = milliseconds > 0 ? ` · ${rateText((numbers * 1000) / milliseconds)}` : ''
    bar?.update((certified + fraction) / unitsTotal, `unit ${unit}, ${certified}/${unitsTotal} certified${rate}`)
  }
  const offs = [
    service.events.on('started', ({ assignment, resumed }) => {
      clearTimeout(waiting)
      if (resumed > 0) {
        close()
        console.error(
          `Resuming unit ${assignment.unit} of window ${assignment.window} from its checkpoint (${resumed} leaves known).`,
        )
      }
      update(assignment.window, assignment.unit, 0)
    }),
    service.events.on('progress', ({ assignment, fraction }) => update(assignment.window, assignment.unit, fraction)),
    service.events.on('finished', (event) => {
      numbers += numbersPerUnit
      milliseconds += event.milliseconds
      update(event.assignment.window, event.assignment.unit, 0)
    }),
    service.events.on('certificate', ({ window, file }) => {
      close()
      const { frontier } = service.state()
      console.log(`Window ${window} is certified: ${file}`)
      console.log(frontierSentence(service.genesis, frontier))
      if (milliseconds > 0)
        console.error(`(${rateText((numbers * 1000) / milliseconds)}, ${durationText(milliseconds)} of computing)`)
    }),
    service.events.on('notice', ({ text }) => console.error(text)),
  ]
  return () => {
    clearTimeout(waiting)
    close()
    for (const off of offs) off()
  }
}
