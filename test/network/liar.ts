/**
 * A node that cheats: `bun test/network/liar.ts HOME HOW`. It is the real node with the real engine, and lies where a liar
 * with the source at hand would: in what it signs.
 *
 *   checksum  on a fifth of its units, one leaf has another checksum
 *   skip      it has looked at half of each unit, and lists the evidence that lies there
 *   copy      it computes nothing, and hands in what another has shown, evidence and all
 *   silent    it computes, and never shows
 */
import { CID } from 'multiformats/cid'
import { cpuEngine } from '../../kernels/cpu.ts'
import { EMPTY, summarize } from '../../kernels/result.ts'
import type { Engine, LeafResult, Unit, UnitResult } from '../../kernels/unit.ts'
import { openHome } from '../../orbit/node/home/home.ts'
import { Service } from '../../orbit/node/service.ts'
import { work } from '../../orbit/node/work/worker.ts'
import { readLeaves } from '../../orbit/rules/answer/leaves.ts'
import { readEvidence } from '../../orbit/rules/answer/results.ts'
import { dealtUnitKey } from '../../orbit/rules/message/unit.ts'

const [directory, how] = process.argv.slice(2) as [string, 'checksum' | 'skip' | 'copy' | 'silent']
const home = openHome(directory)
const { genesis } = home
const engine = cpuEngine(genesis.partition, 1)
// Room for more units than an honest node's: it is dealt enough of them by one draw or two.
const service = await Service.start({ home, capacity: 4, engines: ['wasm'] })
const signal = AbortSignal.timeout(3_600_000)

/** One unit in five, and the third first: there is honest work of its before the lie, and after it. */
let computed = 0
const isLie = () => computed++ % 5 === 2

const otherChecksum = (honest: UnitResult): UnitResult => {
  const counted = honest.leaves.findIndex(({ count }) => count > 0)
  const leaves = honest.leaves.map((leaf, i) => (i === counted ? { ...leaf, checksum: leaf.checksum ^ 1n } : leaf))
  return { ...honest, ...summarize(leaves), ...(honest.evidence && { evidence: honest.evidence }) }
}

/** Every other leaf, with what evidence lies in it. */
async function halfOf(unit: Unit, options: Parameters<Engine['verify']>[1]): Promise<UnitResult> {
  const half = new Map<number, LeafResult>()
  const keep = (i: number, leaf: LeafResult) => void (i % 2 === 0 && half.set(i, leaf))
  const { leaves } = await engine.verify(unit, { ...options, onLeaf: keep })
  const skipped: LeafResult = { ...EMPTY, evidence: [[], [], []] }
  const done = new Map(leaves.map((_, i) => [i, half.get(i) ?? skipped]))
  return engine.verify(unit, { ...options, done })
}

const liar: Engine = {
  ...{ name: 'wasm', close: () => engine.close() },
  verifyLeaf: (unit, leaf, options) => engine.verifyLeaf(unit, leaf, options),
  async verify(unit: Unit, options) {
    if (how === 'skip') return halfOf(unit, options)
    const honest = await engine.verify(unit, options)
    return how === 'checksum' && isLie() ? otherChecksum(honest) : honest
  },
}

if (how === 'silent') {
  const submissions = service.parts.submissions as unknown as { show: () => Promise<void> }
  submissions.show = async () => {}
}

if (how !== 'copy') await work(service, liar, { signal })
else {
  const taken = new Set<string>()
  while (!signal.aborted) {
    await Bun.sleep(300)
    for (const assignment of service.owed()) {
      const key = dealtUnitKey(assignment)
      const [shown] = service.state().answers.units.get(key)?.results.values().next().value ?? []
      if (!shown || taken.has(key)) continue
      const { item, evidence } = shown
      // Leaves of who has just left are with nobody: then it copies another.
      const block = await service.node.blocks.get(CID.parse(item.leaves), { timeoutMs: 5_000 }).catch(() => null)
      if (!block) continue
      taken.add(key)
      const { window, unit } = assignment
      const leaves = readLeaves(genesis, unit, item, block)
      await service.submit(assignment, {
        ...summarize(leaves),
        evidence: readEvidence(genesis, window, unit, evidence),
      })
    }
  }
}
await service.stop()
process.exit(0)
