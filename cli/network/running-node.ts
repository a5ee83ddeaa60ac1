/**
 * A node that runs in this process: started with its control server, stopped without losing
 * anything.
 */
import { classes } from '../../kernels/partition.ts'
import { type Control, serveControl } from '../../orbit/node/home/control.ts'
import type { Home } from '../../orbit/node/home/home.ts'
import { drawFiles } from '../../orbit/node/offline/draw-files.ts'
import { Service, type ServiceOptions } from '../../orbit/node/service.ts'
import { DataDirectoryInUse } from '../../orbit/node/storage/sqlite.ts'
import { fetchSite, publishSite } from '../page/page-exchange.ts'
import type { Live, SourceDump } from './state-source.ts'
import { statusOf } from './status.ts'

export interface RunningNode {
  readonly service: Service
  readonly meter: Meter
  stop(): Promise<void>
}

export async function startNode(options: ServiceOptions): Promise<RunningNode> {
  const service = await Service.start(options)
  const meter = new Meter(service)
  let control: Control
  try {
    control = serveControl(options.home.directory, {
      source: (): SourceDump => ({
        documents: service.documents(),
        knowledge: service.knowledge(),
        history: service.history(),
        live: liveOf(service, meter),
      }),
      // As text: dag-cbor would put its fields in another order.
      status: () =>
        JSON.stringify(
          statusOf({ state: service.state(), unitsPerWindow: service.unitsPerWindow, live: liveOf(service, meter) }),
        ),
      drawFiles: (input) => service.node.read((sql) => drawFiles(sql, service.genesis, input as number)),
      leaves: (input) => service.leafRecords(input as string[]),
      publish: (input) => publishSite(service, input as string),
      decline: () => declineAll(service),
      fetch: (input) => {
        const { name, out } = input as { name: string; out: string }
        return fetchSite(service, name, out)
      },
    })
  } catch (error) {
    await service.stop()
    throw error
  }
  return {
    service,
    meter,
    async stop() {
      await control.stop()
      await service.stop()
    },
  }
}

/**
 * Does something with a node on a data directory: with one that is started for it, or through the
 * one that runs there.
 *
 * @param start does it with the service of a node that is stopped afterwards
 * @param ask has the running node do it
 */
export async function withNode<T>(
  home: Home,
  start: (service: Service) => Promise<T>,
  ask: () => Promise<T>,
): Promise<T> {
  let node: RunningNode
  try {
    node = await startNode({ home })
  } catch (error) {
    if (error instanceof DataDirectoryInUse) return ask()
    throw error
  }
  try {
    return await start(node.service)
  } finally {
    await node.stop()
  }
}

/** After this long without a beacon round, or without a unit, say what is being waited for. */
export const WAIT_NOTICE_MS = 20_000
export const noBeacon = (service: Service): string =>
  `Waiting for the beacon: ${service.beaconTrouble() ?? 'no round has come yet'}. Is this machine online?`

/** Gives back all that this node owes. @returns how many units */
export async function declineAll(service: Service): Promise<number> {
  const owed = service.owed()
  await service.decline(owed)
  service.setCapacity(0)
  return owed.length
}

/**
 * How fast this run is, and what it is at: units that were finished here, without what a checkpoint
 * had of them.
 */
export class Meter {
  working: Live['working'] = null
  milliseconds = 0
  /** Units, in parts where a checkpoint had the rest. */
  units = 0
  private readonly numbersPerUnit: number

  constructor(service: Service) {
    const { partition } = service.genesis
    this.numbersPerUnit = 2 ** partition.bits / classes(partition).length
    service.events.on('started', ({ assignment }) => this.begin(assignment, 0))
    service.events.on('progress', ({ assignment, fraction }) => this.begin(assignment, fraction))
    service.events.on('finished', ({ share, milliseconds }) => {
      this.working = null
      this.milliseconds += milliseconds
      this.units += share
    })
  }

  private begin({ window, unit }: { window: bigint; unit: number }, fraction: number): void {
    this.working = { window: window.toString(), unit, fraction }
  }

  /**
   * Numbers a second; null before the first unit. Units cost alike, so that one stands for its
   * share of the window.
   */
  rate(): number | null {
    return this.units === 0 ? null : (this.units * this.numbersPerUnit * 1000) / this.milliseconds
  }
}

const liveOf = (service: Service, meter: Meter): Live => ({
  round: service.round(),
  peerId: service.node.peerId,
  addresses: service.node.addresses(),
  peers: service.node.peers(),
  working: meter.working,
  rate: meter.rate(),
  verdicts: service.verdictsOnDraws(),
  refused: service.node.refused(),
})
