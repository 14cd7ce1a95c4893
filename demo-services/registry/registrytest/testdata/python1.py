"""Checks of a Nacos server with the API of nacos-sdk-python 1.x: host port service."""
import sys
import time

import nacos
from nacos.listener import SubscribeListener

host, port, service = sys.argv[1:]
ip, number, cluster = "10.0.0.1", 8080, "DEFAULT"
client = nacos.NacosClient(f"{host}:{port}", namespace="public")
seen = []


def listed(**want):
    hosts = client.list_naming_instance(service)["hosts"]
    return len(hosts) == 1 and all(hosts[0][k] == v for k, v in want.items())


def wait(what, condition):
    deadline = time.monotonic() + 10
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"{what}: not within 10 s: {client.list_naming_instance(service)}")
        time.sleep(0.05)
    print(what)


client.add_naming_instance(service, ip, number, cluster_name=cluster, metadata={"version": 2}, weight=2.0)
wait("register and list", lambda: listed(ip=ip, port=number, weight=2.0, enabled=True, healthy=True, ephemeral=True, metadata={"version": "2"}))
client.subscribe(SubscribeListener(fn=lambda event, instance: seen.append(event), listener_name="seen"), 0.2, service_name=service)
assert client.send_heartbeat(service, ip, number, cluster_name=cluster)["clientBeatInterval"] == 5000
client.modify_naming_instance(service, ip, number, cluster_name=cluster, enable=False)
wait("disable", lambda: client.list_naming_instance(service)["hosts"] == [])
wait("notified of the removal", lambda: any("DELETED" in str(e) for e in seen))
client.modify_naming_instance(service, ip, number, cluster_name=cluster, enable=True)
wait("enable", lambda: listed(ip=ip, enabled=True))
client.remove_naming_instance(service, ip, number, cluster_name=cluster)
wait("deregister", lambda: client.list_naming_instance(service)["hosts"] == [])
client.stop_subscribe()

# A real server does not find what is published in a namespace that is called public.
client = nacos.NacosClient(f"{host}:{port}")
data_id = service + ".config"
assert client.get_config(data_id, "g") is None
assert client.publish_config(data_id, "g", "hello")
wait("configuration", lambda: client.get_config(data_id, "g", no_snapshot=True) == "hello")
assert client.remove_config(data_id, "g")
