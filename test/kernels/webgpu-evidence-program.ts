/**
 * What webgpu-evidence.test.ts runs in a process of its own (webgpu-program.ts says why): evidence
 * by the GPU's engine against the wasm engine, which evidence-engines.test.ts holds against the
 * exact one on the same units.
 */
import { decodeItems, encodeItems } from '../../kernels/evidence/encoding.ts'
import { sameItems } from '../../kernels/evidence/items.ts'
import { classes, leavesOf } from '../../kernels/partition.ts'
import type { EvidenceRequest, LeafResult, Unit, UnitResult } from '../../kernels/unit.ts'
import { bunPlatform, openWasmEngine } from '../../kernels/wasm/open.ts'
import { dawn } from '../../kernels/webgpu/dawn.ts'
import { WebgpuEngine } from '../../kernels/webgpu/engine.ts'
import { askedLeaves, askedUnits } from './evidence-units.ts'
import { nameOf } from './golden.ts'
import { HookedGpu } from './webgpu-faults.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const bytesOf = (unit: Unit, { evidence }: UnitResult) =>
  hex(encodeItems(evidence!, unit.partition, unit.window, classes(unit.partition)[unit.index]!))

async function open(expandBits: number): Promise<WebgpuEngine> {
  return WebgpuEngine.open(await dawn(), await bunPlatform.module(), { allowSoftware: true, settings: { expandBits } })
}

/** The asked units and leaves, by engines that expand seeds by 8, 10 and 13 bits. */
async function agreement() {
  const wasm = await openWasmEngine({ workers: 1 })
  const wrong: string[] = []
  const items = [0, 0, 0]
  const units = askedUnits()
  const leaves = askedLeaves()
  let plain = 0
  for (const expandBits of [8, 10, 13]) {
    const webgpu = await open(expandBits)
    for (const [i, { unit, request }] of units.entries()) {
      if (expandBits !== 10 && i % 3 > 0) continue
      const truth = await wasm.verify(unit, { evidence: request })
      const found = await webgpu.verify(unit, { evidence: request })
      const equal = hex(found.root) === hex(truth.root) && bytesOf(unit, found) === bytesOf(unit, truth)
      if (!equal) wrong.push(`${expandBits} bits: ${nameOf(unit)}`)
      for (const [tier, { length }] of truth.evidence!.entries()) items[tier]! += length
      // In between, a unit for which nobody asks: the other shaders.
      if (i % 20 === 0) {
        const { evidence, root } = await webgpu.verify(unit)
        if (!evidence && hex(root) === hex(truth.root)) plain++
      }
    }
    for (const { unit, leaf, request } of leaves) {
      const truth = await wasm.verifyLeaf(unit, leaf, { evidence: request })
      const found = await webgpu.verifyLeaf(unit, leaf, { evidence: request })
      if (!sameItems(found.evidence!, truth.evidence!))
        wrong.push(`${expandBits} bits: leaf ${leaf} of ${nameOf(unit)}`)
    }
    await webgpu.close()
  }
  await wasm.close()
  return { wrong, items, plain, units: units.length, leaves: leaves.length }
}

async function resumed() {
  const partition = { map: '3n+1', bits: 26, units: 2, leaves: 48, hardSteps: 140 } as const
  const unit: Unit = { partition, window: 2n ** 45n, index: 1 }
  const request: EvidenceRequest = {
    network: new Uint8Array(32).fill(4),
    seed: new Uint8Array(32).fill(5),
    signer: new Uint8Array(32).fill(6),
  }
  const engine = await open(8)
  const whole = await engine.verify(unit, { evidence: request })
  const states = leavesOf(partition, 1)
  const done = new Map<number, LeafResult>()
  const stop = new AbortController()
  const onLeaf = (index: number, { evidence, ...record }: LeafResult) => {
    // As a checkpoint holds it.
    const bytes = encodeItems(evidence!, partition, unit.window, states[index]!)
    done.set(index, { ...record, evidence: decodeItems(bytes, partition, unit.window, states[index]!) })
    if (done.size === 7) stop.abort()
  }
  const error = await engine.verify(unit, { evidence: request, signal: stop.signal, onLeaf }).catch(({ name }) => name)
  const early = done.size
  let computed = 0
  const again = await engine.verify(unit, { evidence: request, done, onLeaf: () => computed++ })
  await engine.close()
  return {
    error,
    early,
    missing: states.length - early - computed,
    items: whole.evidence!.flat().length,
    equal: bytesOf(unit, again) === bytesOf(unit, whole) && hex(again.root) === hex(whole.root),
  }
}

/** A GPU that does not see flags is found out by the first request; without one it is of use. */
async function blind() {
  const source = (code: string) => code.replace('== jumps[FLAGS', '> jumps[FLAGS')
  const gpu = new HookedGpu(await dawn()).with({ source })
  const engine = await WebgpuEngine.open(gpu, await bunPlatform.module(), { allowSoftware: true })
  const { unit, request } = askedUnits()[0]!
  const { count } = await engine.verify(unit)
  const error = await engine.verify(unit, { evidence: request }).catch(String)
  const after = await engine.verify(unit).catch(String)
  await engine.close()
  return { count, error, after }
}

export type EvidenceFound = Awaited<ReturnType<typeof agreement>> & {
  resumed: Awaited<ReturnType<typeof resumed>>
  blind: Awaited<ReturnType<typeof blind>>
}

if (import.meta.main) {
  const found: EvidenceFound = { ...(await agreement()), resumed: await resumed(), blind: await blind() }
  console.log(JSON.stringify(found))
  process.exit(0)
}
