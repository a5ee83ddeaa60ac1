// Helia's libp2p defaults import WebRTC, whose native addon we neither use nor ship.
export const webRTC = () => {
  throw new Error('WebRTC is not part of this build')
}
export const webRTCDirect = webRTC
