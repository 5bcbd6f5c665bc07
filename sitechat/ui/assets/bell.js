// Listens to the server's bell and passes each ring on to the session, which draws what has changed. One socket a page,
// however often this is mounted; rings of a hidden tab wait until somebody looks.

const UNKNOWN = 4404;
const LONGEST = 15000;

export default function ({ data, setTriggerValue }) {
  const bell = (window.sitechatBell ??= { token: null, socket: null, tell: null, timer: 0, wait: 500, waiting: false, leave: 0 });
  clearTimeout(bell.leave);
  bell.tell = () => setTriggerValue("rang", Date.now());

  function tell() {
    bell.waiting = document.hidden;
    if (!document.hidden) bell.tell?.();
  }

  function connect() {
    clearTimeout(bell.timer);
    const address = new URL(data.path, location.origin);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(address);
    bell.socket = socket;
    socket.onopen = () => { bell.wait = 500; socket.send(data.token); };
    socket.onmessage = tell;
    socket.onclose = (event) => {
      if (bell.socket !== socket) return;
      bell.socket = null;
      if (event.code === UNKNOWN) tell(); // the session has a new token for us
      bell.timer = setTimeout(connect, bell.wait * (0.75 + Math.random() / 2));
      bell.wait = Math.min(bell.wait * 2, LONGEST);
    };
  }

  if (bell.token !== data.token || bell.socket === null) {
    bell.token = data.token;
    const former = bell.socket;
    bell.socket = null;
    former?.close();
    connect();
  }
  if (!bell.looking) {
    bell.looking = true;
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && bell.waiting) { bell.waiting = false; bell.tell?.(); }
    });
  }
  // Mounted again within a moment, as at every change of page, it keeps its socket.
  return () => {
    clearTimeout(bell.leave);
    bell.leave = setTimeout(() => {
      bell.tell = null;
      clearTimeout(bell.timer);
      const socket = bell.socket;
      bell.socket = bell.token = null;
      socket?.close();
    }, 2000);
  };
}
