# placeholder
paack_storage_add() { :; }
paack_storage_remove() { :; }
