// Go's own reading of NO_PROXY: reads lines of JSON {"noProxy": …, "url": …}, and writes for each "proxy" or "direct".
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/url"
	"os"

	"golang.org/x/net/http/httpproxy"
)

func main() {
	if len(os.Args) > 1 {
		fmt.Println("golang.org/x/net/http/httpproxy")
		return
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var given struct{ NoProxy, URL string }
		if err := json.Unmarshal(lines.Bytes(), &given); err != nil {
			panic(err)
		}
		asked, err := url.Parse(given.URL)
		if err != nil {
			panic(err)
		}
		const proxy = "http://proxy.example.com:3128"
		config := httpproxy.Config{HTTPProxy: proxy, HTTPSProxy: proxy, NoProxy: given.NoProxy}
		found, err := config.ProxyFunc()(asked)
		if err != nil {
			panic(err)
		}
		if found == nil {
			fmt.Println("direct")
		} else {
			fmt.Println("proxy")
		}
	}
}
