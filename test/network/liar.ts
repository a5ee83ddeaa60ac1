/**
 * A node that cheats: `bun test/network/liar.ts HOME HOW`. It is the real node with the real engine, and lies where a liar
 * with the source at hand would: in what it signs.
 *
 *   checksum  on a fifth of its units, one leaf has another checksum
 *   skip      on a fifth of its units it has looked at half of what survives the sieve
 *   copy      it computes nothing, and hands in what another has shown
 *   silent    it commits, and never shows
 */
import { CID } from 'multiformats/cid'
import { cpuEngine } from '../../kernels/cpu.ts'
import { summarize } from '../../kernels/result.ts'
import type { Engine, HardSummary, Unit } from '../../kernels/unit.ts'
import { openHome } from '../../orbit/node/home/home.ts'
import { Service } from '../../orbit/node/service.ts'
import { work } from '../../orbit/node/work/worker.ts'
import { dealtUnitKey } from '../../orbit/rules/message/unit.ts'

const [directory, how] = process.argv.slice(2) as [string, 'checksum' | 'skip' | 'copy' | 'silent']
const home = openHome(directory)
const engine = cpuEngine(home.genesis.partition, 1)
// Room for more units than an honest node's: it is dealt enough of them by one draw or two.
const service = await Service.start({ home, capacity: 4, engines: ['wasm'] })
const signal = AbortSignal.timeout(3_600_000)

/** One unit in five, and the third first: there is honest work of its before the lie, and after it. */
let computed = 0
const isLie = () => computed++ % 5 === 2

const changed = (leaves: readonly HardSummary[]): HardSummary[] => {
  const counted = leaves.findIndex(({ count }) => count > 0)
  return leaves.map((leaf, i) => {
    if (how === 'checksum') return i === counted ? { ...leaf, checksum: leaf.checksum ^ 1n } : leaf
    return i % 2 === 1 ? { count: 0, checksum: 0n, peak: null } : leaf
  })
}

const liar: Engine = {
  ...{ name: 'wasm', close: () => engine.close() },
  verifyLeaf: (unit, leaf, options) => engine.verifyLeaf(unit, leaf, options),
  async verify(unit: Unit, options) {
    const honest = await engine.verify(unit, options)
    return isLie() ? summarize(changed(honest.leaves)) : honest
  },
}

if (how === 'silent') {
  const submissions = service.parts.submissions as unknown as { reveal: () => Promise<void> }
  submissions.reveal = async () => {}
}

if (how !== 'copy') await work(service, how === 'silent' ? engine : liar, { signal })
else {
  const taken = new Set<string>()
  while (!signal.aborted) {
    await Bun.sleep(300)
    for (const assignment of service.owed()) {
      const key = dealtUnitKey(assignment)
      const [shown] = service.state().evidence.units.get(key)?.reveals.values().next().value ?? []
      if (!shown || taken.has(key)) continue
      const { leaves, ...result } = shown.item.result
      // Leaves of who has just left are with nobody: then it copies another.
      const block = await service.node.blocks.get(CID.parse(leaves), { timeoutMs: 5_000 }).catch(() => null)
      if (!block) continue
      taken.add(key)
      await service.submit(result, block)
    }
  }
}
await service.stop()
process.exit(0)
