# man/TOOL.1 is made from the tool's own --interface, its prose in man/prose/TOOL.mdoc and the table of exit statuses.
# Those written by hand get the version and its date.
# The pages are committed; tests/cli/man.sh fails when they are stale. Bash's completion comes from --interface, too, when it is installed.

PAGES := $(TOOLS:%=man/%.1) $(wildcard formats/*.5) $(wildcard man/*.7)

$(BUILD)/man/page: $(BUILD)/man/page.o $(BUILD)/libbase.a
	@echo '  LINK $@'
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -ljansson $(LIBS_base)
-include $(BUILD)/man/page.d

man: all $(BUILD)/man/page	## remake the pages of the tools, and the version in the others
	for t in $(TOOLS); do \
		$(BUILD)/$$t --interface | $(BUILD)/man/page man/prose/$$t.mdoc man/exit.tsv '$(RELEASED)' > $(BUILD)/man/$$t.1 && mv $(BUILD)/man/$$t.1 man/$$t.1 || exit 1; \
	done
	sed -i 's/^\.Dd .*/.Dd $(RELEASED)/; s/^\.Os .*/.Os latpipe $(VERSION)/' $(filter-out $(TOOLS:%=man/%.1),$(PAGES))
	sed -i "s/^version: .*/version: $(VERSION)/; s/^date-released: .*/date-released: $$(LC_ALL=C date -d '$(RELEASED)' +%F)/" CITATION.cff

$(BUILD)/latpipe.bash: man/completion.jq $(TOOLS:%=$(BUILD)/%)
	$(Q)for t in $(TOOLS); do $(BUILD)/$$t --interface || exit 1; done | jq -rs -f $< > $@

.PHONY: man
