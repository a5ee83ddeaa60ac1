/**
 * What a page would do with the engine: no Bun, no Dawn, only navigator.gpu. Bundled by
 * webgpu.test.ts.
 */
import { WebgpuEngine } from '../../kernels/webgpu/engine.ts'

async function compute() {
  const module = await WebAssembly.compile(await (await fetch('/kernel.wasm')).arrayBuffer())
  const engine = await WebgpuEngine.open(navigator.gpu, module, { allowSoftware: true })
  const partition = { map: '3n+1', bits: 28, units: 1, leaves: 16, hardSteps: 128 } as const
  const { count, checksum } = await engine.verify({ partition, window: 5n, index: 0 })
  await engine.close()
  return { software: engine.adapter.software, count, checksum: checksum.toString(16) }
}

Object.assign(globalThis, { answer: compute() })
