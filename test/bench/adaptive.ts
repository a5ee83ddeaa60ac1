/**
 * What a certified unit costs in core-seconds, all told, when N = 3 must agree and when one trusted account and an audit do:
 * `bun test/bench/adaptive.ts [UNITS]`. Units of the production partition are long, so these are of a window of 2^44 cut in the
 * same way; the share of an audit is a matter of leaves a unit, which are as many.
 */
import { writeFileSync } from 'node:fs'
import { cpuEngine } from '../../kernels/cpu.ts'
import type { Partition } from '../../kernels/unit.ts'
import { readCertificate } from '../../orbit/rules/certificate/read.ts'
import { writeCertificate } from '../../orbit/rules/certificate/write.ts'
import { Party } from '../orbit/rules/party.ts'
import { median } from './median.ts'

const units = Number(process.argv[2] ?? 5)
const partition: Partition = { map: '3n+1', bits: 44, units: 16, leaves: 256, hardSteps: 320 }
const audit = { leaves: 2, auditors: 2 }
const window = 1n << 27n
/** Of all threads of this process. */
const coreSeconds = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}
async function timed(action: () => Promise<unknown>): Promise<number> {
  const started = coreSeconds()
  await action()
  return coreSeconds() - started
}

const computing: number[] = []
const auditing: number[] = []
const engine = cpuEngine(partition, 1)
await engine.verifyLeaf({ partition, window, index: 0 }, 0, {})
for (let index = 0; index < units; index++) {
  const unit = { partition, window, index }
  computing.push(await timed(() => engine.verify(unit, {})))
  // An auditor starts an engine of its own, as a node does.
  auditing.push(
    await timed(async () => {
      const own = cpuEngine(partition, 1)
      for (let leaf = 0; leaf < audit.leaves; leaf++) await own.verifyLeaf(unit, 100 + leaf, {})
      await own.close()
    }),
  )
}
await engine.close()

/** Checking a certificate of 4 units, a unit. */
async function checking(adaptive: boolean): Promise<number> {
  const party = new Party({ accounts: 12, partition: { leaves: 256 }, changes: { audit: { ...audit, adaptive } } })
  const trusted = adaptive ? party.members.map(({ account }) => account) : []
  const dealt = party.deal(2, 4, { trusted })
  for (const assignment of dealt) {
    party.answer(assignment, assignment.quorum)
    if (adaptive) for (const node of party.certifyingAudit(assignment).auditors) party.certify(node, assignment)
  }
  const sources = { leaves: (cid: string) => party.blocks.get(cid), registration: (n: string) => party.registration(n) }
  const file = writeCertificate(party.state(), dealt[0]!.window, sources)
  const path = `${process.env.TMPDIR ?? '/tmp'}/collatz-adaptive-${adaptive}.json`
  writeFileSync(path, file)
  // In a process of its own, which remembers no signature.
  const code = `const { readCertificate } = await import(process.argv[1]); const { readFileSync } = await import('node:fs')
    const bytes = new Uint8Array(readFileSync(process.argv[2])); const a = process.cpuUsage(); readCertificate(bytes)
    const b = process.cpuUsage(a); console.log((b.user + b.system) / 1e6)`
  const rules = new URL('../../orbit/rules/certificate/read.ts', import.meta.url).pathname
  const child = Bun.spawn([process.execPath, '-e', code, rules, path], { stdout: 'pipe' })
  readCertificate(file)
  return Number(await new Response(child.stdout).text()) / dealt.length
}

const [unit, oneAudit] = [median(computing), median(auditing)]
const [checkingThree, checkingOne] = [await checking(false), await checking(true)]
const unanimous = 3 * unit
const audited = unanimous + audit.auditors * oneAudit
const adaptive = unit + audit.auditors * oneAudit
console.log(`units of 2^44 / 16 numbers, medians of ${units}, core-seconds
one computation of a unit        ${unit.toFixed(3)}
one audit of ${audit.leaves} of 256 leaves     ${oneAudit.toFixed(3)}   (its engine's start included)
N = 3                            ${unanimous.toFixed(3)}   ${audited.toFixed(3)} when audited
one and its audit                ${adaptive.toFixed(3)}   ${(unanimous / adaptive).toFixed(2)} times less than N = 3
checking a certificate, a unit   ${checkingThree.toFixed(3)} of three, ${checkingOne.toFixed(3)} of one and its audit`)
